// What a rule says of a claim: its weight by shape, colour and word; the sentence; what to do.
import type { JSX } from 'preact';
import { type Finding, fixOf, sayOf } from '../core/draft';
import { t } from '../core/i18n';
import { StateMark } from './icons';

export const MARK = { refuses: 'alarm', blocks: 'alarm', warns: 'watch', informs: 'unknown' } as const;

/** The sentence and what to do. */
export function FindingLine({ f }: { f: Finding }): JSX.Element {
    return (
        <span class={`finding ${MARK[f.weight]}`} data-rule={f.rule}>
            <StateMark state={MARK[f.weight]} />
            <span>
                <span class="sr">{t(`weight.${f.weight}`)}: </span>
                {sayOf(f)} {fixOf(f) && <i>{fixOf(f)}</i>}
            </span>
        </span>
    );
}
