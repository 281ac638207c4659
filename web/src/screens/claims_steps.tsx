// Steps on many claims at once: signed, taken in as signed by the facility, taken back, concluded; those that cannot are named with the reason.
import type { JSX } from 'preact';
import { useLayoutEffect, useState } from 'preact/hooks';
import { askJson } from '../core/api';
import type { Row } from '../core/claims';
import { num } from '../core/format';
import { t } from '../core/i18n';
import { Problem } from '../ui/parts';
import { undoable, useStep, who, WhoField, WhyField } from '../ui/undo';

type Step = 'sign' | 'take' | 'undo' | 'conclude';
interface Done {
    done: number;
    same: number;
    refused: { visit: string; rule: string; what: string }[];
}
const FROM: Record<Step, readonly string[]> = { sign: ['checked', 'corrected'], take: ['checked', 'corrected'], undo: ['signed'], conclude: ['assessed'] };

const post = (step: Step, visits: string[], why: string): Promise<Done> =>
    askJson<Done>(`/api/settle/${step}`, { method: 'POST', body: JSON.stringify({ who: who.value.trim(), why, visits }) });

export function Steps({ picked, rows, changed }: { picked: string[]; rows: Row[]; changed: () => void }): JSX.Element | null {
    const { why, setWhy, busy, failure, run: answer } = useStep('step-why');
    const [done, setDone] = useState<Done | null>(null);
    const able = (step: Step): string[] => picked.filter((key) => rows.some((r) => `${r.facility}|${r.ma_lk}` === key && FROM[step].includes(r.state)));
    const run = (step: Step): Promise<void> =>
        answer(async (reason) => {
            const visits = able(step);
            const all = await post(step, visits, reason);
            setDone(all);
            const refused = new Set(all.refused.map((r) => r.visit));
            const taken = visits.filter((v) => !refused.has(v));
            if ((step === 'sign' || step === 'take') && taken.length > 0)
                undoable({
                    text: t('steps.signed', { n: num(all.done) }),
                    undo: async () => {
                        await post('undo', taken, t('mpi.undone'));
                        changed();
                    },
                });
            changed();
        }, step === 'undo');
    useLayoutEffect(() => {
        // The fields go away with the selection: the keyboard goes on at the list.
        if (done && (document.activeElement === document.body || document.activeElement === null)) document.getElementById('work-title')?.focus({ preventScroll: true });
    }, [done, picked.length]);
    if (picked.length === 0 && !done && !failure) return null;
    return (
        <div class="steps" role="group" aria-label={t('steps.title')}>
            {picked.length > 0 && (
                <>
                    <span>{t('steps.picked', { n: num(picked.length) })}</span>
                    <WhoField />
                    <WhyField id="step-why" value={why} set={setWhy} />
                    {(['sign', 'take', 'undo', 'conclude'] as const).map((s) => (
                        <button type="button" class={`button ${s === 'sign' ? 'primary' : ''}`} disabled={busy || able(s).length === 0} title={s === 'take' ? t('steps.take_why') : undefined} onClick={() => void run(s)}>
                            {t(`steps.${s}`)} {num(able(s).length)}
                        </button>
                    ))}
                </>
            )}
            {failure && <Problem failure={failure} />}
            {done && (
                <div class="report" role="status">
                    <p>{t('steps.done', { n: num(done.done), refused: num(done.refused.length) })}</p>
                    <ul class="issues">
                        {done.refused.slice(0, 20).map((r) => (
                            <li>
                                <span class="code">{r.visit}</span> {r.what}
                            </li>
                        ))}
                    </ul>
                </div>
            )}
        </div>
    );
}
