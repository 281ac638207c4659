// The four diseases that the page keeps an eye on, whatever is filtered: the state of the last
// finished week against the band of the years before.
import { useEffect, useState } from 'preact/hooks';
import { askJson, type Ops, type Week } from '../core/api';
import { addDays, daysBetween } from '../core/format';
import { type Key, t } from '../core/i18n';

export const FOLLOWED: { icd: string; name: Key; short: Key }[] = [
    { icd: 'A97', name: 'disease.dengue', short: 'disease.dengue.short' },
    { icd: 'B08.4', name: 'disease.hfmd', short: 'disease.hfmd.short' },
    { icd: 'J10', name: 'disease.flu', short: 'disease.flu.short' },
    { icd: 'A09', name: 'disease.diarrhoea', short: 'disease.diarrhoea.short' },
];

export type State = 'normal' | 'watch' | 'alarm' | 'unknown';
export interface Followed {
    state: State;
    ops: Ops;
    week: Week | undefined; // the last finished one
    since: string | undefined; // Monday of the first week of an unbroken row of alarms
}

const EVERY_MS = 60000;

/** The server's rule: an alarm is above the band and at least so many visits above the expected ones. */
export const ALARM_EXCESS = 5;

/** Watch: in the last quarter of the way from what is expected to an alarm. */
export function judge(ops: Ops): Followed {
    const done = ops.weeks.filter((w) => addDays(w.d, 6) <= ops.to);
    const week = done[done.length - 1];
    let since: string | undefined;
    for (let i = done.length - 1; i >= 0 && done[i]?.alarm; i--) since = done[i]?.d;
    let state: State = 'unknown';
    if (week?.high !== undefined) {
        const middle = week.expected ?? 0;
        const border = Math.max(week.high, middle + ALARM_EXCESS);
        state = week.alarm ? 'alarm' : week.visits > middle + (border - middle) * 0.75 ? 'watch' : 'normal';
    }
    return { state, ops, week, since };
}

/** The finding in words, or nothing where there is no band to judge by. */
export function finding(f: Followed, to: string): string {
    if (f.state === 'unknown') return '';
    if (f.state !== 'alarm') return `: ${t(f.state === 'watch' ? 'curve.watch' : 'curve.calm')}`;
    const n = weeksSince(f.since, f.week, to);
    return `: ${n > 1 ? t('curve.alarm', { n }) : t('curve.alarm_one')}`;
}

/** Weeks of an unbroken row of alarms. */
export const weeksSince = (since: string | undefined, week: Week | undefined, to: string): number =>
    since ? Math.max(1, Math.round(daysBetween(since, week?.d ?? to) / 7) + 1) : 1;

export function useFollowed(): Record<string, Followed> {
    const [all, setAll] = useState<Record<string, Followed>>({});
    useEffect(() => {
        let gone = false;
        const load = async (): Promise<void> => {
            const list = await Promise.all(
                FOLLOWED.map(async (f) => [f.icd, judge(await askJson<Ops>(`/api/ops?icd=${f.icd}&top=1`))] as const),
            );
            if (!gone) setAll(Object.fromEntries(list));
        };
        // A failure keeps the last state; the connection mark in the frame tells of it.
        const tick = (): void => void load().catch(() => undefined);
        tick();
        const id = setInterval(tick, EVERY_MS);
        return () => {
            gone = true;
            clearInterval(id);
        };
    }, []);
    return all;
}
