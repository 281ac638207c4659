// The book of claims as the server tells it: stages, filters, rows (docs/screens-api.md).
import { sayOf } from './draft';

export const STATES = ['entered', 'checked', 'corrected', 'signed', 'sent', 'received', 'assessed', 'accepted', 'reduced', 'refused', 'paid'] as const;
export type State = (typeof STATES)[number];

export interface Sum {
    n: number;
    held: number;
    warned: number;
    total: number;
    asked: number;
    accepted: number;
    paid: number;
}
export interface StateSum extends Sum {
    state: State;
    vi: string;
    en: string;
}
export interface Counts {
    states: StateSum[];
    facilities: (Sum & { facility: string; name: string; states: number[] })[];
    months: (Sum & { month: string | null })[];
    progress: Progress;
}
export interface Progress {
    visits: number;
    renewed: number; // of to_renew
    to_renew: number;
    position: number; // of snapshot
    snapshot: number;
    current: boolean;
}
export interface Row {
    id: string;
    patient: string;
    facility: string;
    facility_name: string;
    ma_lk: string;
    department: string;
    name: string;
    card: string;
    kind: string;
    month: string | null;
    day_in: string | null;
    day_out: string | null;
    state: State;
    since: string;
    total: number;
    asked: number;
    accepted: number;
    paid: number;
    blocks: number;
    warns: number;
    informs: number;
    not_checked: number;
}
export interface RuleCount {
    rule: string;
    weight: 'blocks' | 'warns' | 'informs';
    vi: string;
    en: string;
    fix_vi: string;
    fix_en: string;
    law: string;
    table: string;
    field: string;
    n: number;
    found: number;
    asked: number;
    facilities: { facility: string; name: string; n: number }[];
}

/** A stage of the funnel: what has come at least so far. Its list is that of its states. */
export interface Stage {
    id: 'imported' | 'clean' | 'signed' | 'sent' | 'assessed' | 'paid';
    states: readonly State[];
    money: 'asked' | 'accepted' | 'paid';
}
const from = (first: State): readonly State[] => STATES.slice(STATES.indexOf(first));
export const STAGES: readonly Stage[] = [
    { id: 'imported', states: STATES, money: 'asked' },
    { id: 'clean', states: STATES.filter((s) => s !== 'entered' && s !== 'corrected'), money: 'asked' },
    { id: 'signed', states: from('signed'), money: 'asked' },
    { id: 'sent', states: from('sent'), money: 'asked' },
    { id: 'assessed', states: from('assessed'), money: 'accepted' },
    { id: 'paid', states: from('paid'), money: 'paid' },
];

/** What the counts say of some states together. */
export function sumOf(counts: Counts, states: readonly State[]): Sum {
    const sum: Sum = { n: 0, held: 0, warned: 0, total: 0, asked: 0, accepted: 0, paid: 0 };
    for (const s of counts.states) {
        if (!states.includes(s.state)) continue;
        for (const k of Object.keys(sum) as (keyof Sum)[]) sum[k] += s[k];
    }
    return sum;
}

export const stateName = (s: { vi: string; en: string } | undefined): string => (s ? sayOf(s) : '');

/** What the book has still to do, and how far it is; never 100 percent before it is done. */
export function toDo(p: Progress): { what: 'renewing' | 'behind'; n: number; all: number; percent: number }[] {
    const part = (what: 'renewing' | 'behind', n: number, all: number) => ({ what, n, all, percent: Math.min(99, Math.floor((n / all) * 100)) });
    return [...(p.to_renew > 0 ? [part('renewing', p.renewed, p.to_renew)] : []), ...(p.current ? [] : [part('behind', p.position, p.snapshot)])];
}

/** Parts of the address that the questions take over. */
const TAKEN = ['facility', 'from', 'to', 'state', 'rule', 'weight', 'q'] as const;
export function filterOf(query: URLSearchParams, names: readonly string[] = TAKEN): string {
    const out = new URLSearchParams();
    for (const name of names) {
        const value = query.get(name);
        if (value) out.set(name, value);
    }
    return out.toString();
}

/** {…} in a rule's sentence stands for a value: as it reads without one. */
export const sentence = (text: string): string => text.replace(/\{([A-Z0-9_.]+)[^}]*\}/g, '$1').replace(/\{[^}]*\}/g, '…').replaceAll('….', '…');
