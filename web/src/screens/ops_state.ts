// The operations page's state lives in the address: period and filters, in the order they came.
import { addDays } from '../core/format';
import { go, place, withQuery } from '../core/router';

export const FILTERS = ['ward', 'facility', 'icd', 'sex', 'age'] as const;
export type Filter = (typeof FILTERS)[number];
/** Filters that one tile sets together. */
export type Dimension = 'ward' | 'facility' | 'icd' | 'person';
export const PERIODS = [7, 28, 90, 365] as const;
export const DEFAULT_DAYS = 28;

const members: Record<Dimension, Filter[]> = {
    ward: ['ward'],
    facility: ['facility'],
    icd: ['icd'],
    person: ['sex', 'age'],
};

export interface Chip {
    id: string;
    names: string[];
}

export interface Period {
    from: string;
    to: string;
}

const isDay = (text: string): boolean => /^2\d{3}-\d\d-\d\d$/.test(text) && !Number.isNaN(Date.parse(text));

/** Two days in order. A year that is being typed passes through 0002 and 0020: those are no days. */
export const isPeriod = ({ from, to }: Period): boolean => isDay(from) && isDay(to) && from <= to;

/** The period that the address names, where it names a whole one. */
export function ownPeriod(query: URLSearchParams): Period | null {
    const own = { from: query.get('from') ?? '', to: query.get('to') ?? '' };
    return isPeriod(own) ? own : null;
}

/** Else: so many days up to the last one with data. */
export function daysOf(query: URLSearchParams): number {
    const days = Number(query.get('days'));
    return Number.isInteger(days) && days > 0 && days <= 3660 ? days : DEFAULT_DAYS;
}

/** The server counts back the days of the default; for others the last day must be known. */
export const needsLatest = (query: URLSearchParams): boolean => !ownPeriod(query) && daysOf(query) !== DEFAULT_DAYS;

/** Active filters as chips, oldest first. */
export function chips(query: URLSearchParams): Chip[] {
    const list: Chip[] = [];
    const own = ownPeriod(query);
    for (const name of query.keys()) {
        if (name === 'from' && own) list.push({ id: 'period', names: ['from', 'to'] });
        else if ((FILTERS as readonly string[]).includes(name)) list.push({ id: name, names: [name] });
    }
    return list;
}

export function drop(names: string[]): void {
    go(withQuery(Object.fromEntries(names.map((n) => [n, null]))), true);
}

export function removeLast(): void {
    const last = chips(place.value.query).pop();
    if (last) drop(last.names);
}

/** Sets a filter, or takes it away when it is set to this value already. */
export function toggle(values: Partial<Record<Filter, string>>): void {
    const query = place.value.query;
    const same = Object.entries(values).every(([n, v]) => query.get(n) === v);
    go(withQuery(same ? Object.fromEntries(Object.keys(values).map((n) => [n, null])) : values), true);
}

/** The request of these parameters; `latest` is the last day with data, needed for spans of days. */
export function opsPath(query: URLSearchParams, latest: string | null, without?: Dimension): string | null {
    const ask = new URLSearchParams();
    const own = ownPeriod(query);
    if (own) {
        ask.set('from', own.from);
        ask.set('to', own.to);
    } else if (needsLatest(query)) {
        if (!latest) return null;
        ask.set('from', addDays(latest, 1 - daysOf(query)));
        ask.set('to', latest);
    }
    const left = without ? members[without] : [];
    for (const name of FILTERS) {
        const value = query.get(name);
        if (value && !left.includes(name)) ask.set(name, value);
    }
    const text = ask.toString();
    return `/api/ops${text ? `?${text}` : ''}`;
}

export const isSet = (query: URLSearchParams, dimension: Dimension): boolean =>
    members[dimension].some((n) => query.has(n));
