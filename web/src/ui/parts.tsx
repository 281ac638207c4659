// Small parts that several screens share.
import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { Failure } from '../core/api';
import { percent as percentText } from '../core/format';
import { t } from '../core/i18n';
import { Icon, StateMark } from './icons';

/** A change in percent: arrow and number, no judgement of good or bad. */
export function Delta({ percent }: { percent: number | null }): JSX.Element {
    if (percent === null) return <span class="delta none">—</span>;
    const arrow = percent > 0.5 ? '▲' : percent < -0.5 ? '▼' : '■';
    return (
        <span class="delta">
            <i aria-hidden="true">{arrow}</i>
            {percentText(percent)}
        </span>
    );
}

/** With a capital and an end; a path or a code at its head stays as it is. */
const asSentence = (text: string): string => text.replace(/^\p{Ll}(?=\p{L}*(\s|$))/u, (c) => c.toUpperCase()).replace(/[^.!?…:]$/, '$&.');

/** What happened, what is safe, what to do now. */
export function Problem({ failure, retry }: { failure: Failure; retry?: (() => void) | undefined }): JSX.Element {
    return (
        <div class="problem" role="alert">
            <StateMark state="alarm" />
            <p>
                <b>{asSentence(failure.message)}</b> {t(failure.status === 0 ? 'error.safe_offline' : 'error.safe')}
            </p>
            {retry && (
                <button type="button" class="button" onClick={retry}>
                    {t('action.retry')}
                </button>
            )}
        </div>
    );
}

export function Copy({ value, label }: { value: string; label: string }): JSX.Element | null {
    const [done, setDone] = useState(false);
    const copy = async (): Promise<void> => {
        await navigator.clipboard.writeText(value);
        setDone(true);
        setTimeout(() => setDone(false), 1500);
    };
    if (!navigator.clipboard) return null; // an address without TLS
    return (
        <button type="button" class="icon-button copy" aria-label={t('action.copy', { what: label })} onClick={() => void copy().catch(() => undefined)}>
            <Icon name={done ? 'check' : 'copy'} size={14} />
            <span class="sr" role="status">
                {done ? t('action.copied') : ''}
            </span>
        </button>
    );
}
