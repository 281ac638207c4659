// A list that is read further on demand. What comes in meanwhile renews all that was opened, in one go:
// no page is thrown away, and nothing is shown half new.
import { useEffect, useRef, useState } from 'preact/hooks';
import { asFailure, askJson, type Failure } from './api';

export interface Page<R> {
    rows: R[];
    next: string; // where the next one begins; empty at the end
}
interface Held<R> extends Page<R> {
    of: string; // the path and the state of the server's data that these rows were read at
}
export interface Paged<R> {
    rows: R[];
    next: string;
    ready: boolean; // the first answer has come
    error: Failure | undefined;
    more: () => void;
    retry: () => void;
}

const PAGE = 100;
const LARGEST = 1000; // what the server gives at once

/** Reads behind `held` until there are `goal` rows; a page more when `last` has moved behind them. */
async function readTo<R extends { id: string }>(path: string, held: Page<R>, goal: number, last: string | undefined, signal: AbortSignal): Promise<Page<R>> {
    const rows = [...held.rows];
    let { next } = held;
    const ask = async (count: number): Promise<void> => {
        const page = await askJson<Page<R>>(`${path}&count=${Math.min(LARGEST, count)}&after=${encodeURIComponent(next)}`, { signal });
        rows.push(...page.rows);
        next = page.next;
    };
    if (rows.length === 0) await ask(goal);
    while (next && rows.length < goal) await ask(goal - rows.length);
    if (next && last && !rows.some((r) => r.id === last)) await ask(PAGE);
    return { rows: [...new Map(rows.map((r) => [r.id, r])).values()], next };
}

/** How far the last list was opened: who comes back to it finds it so. */
let opened = { path: '', goal: PAGE };

/** `again` says that the data may have changed. A path of another filter needs a component of its own. */
export function usePages<R extends { id: string }>(path: string, again: string): Paged<R> {
    const [goal, setGoal] = useState(opened.path === path ? opened.goal : PAGE);
    const [tries, setTries] = useState(0);
    const [held, setHeld] = useState<Held<R> | undefined>(undefined);
    const [error, setError] = useState<Failure | undefined>(undefined);
    const latest = useRef(held);
    latest.current = held;
    const of = `${path} ${again} ${tries}`;
    useEffect(() => {
        const before = latest.current;
        const stop = new AbortController();
        const start = before?.of === of ? before : { rows: [], next: '' };
        readTo<R>(path, start, goal, before?.rows[before.rows.length - 1]?.id, stop.signal).then(
            (page) => {
                setHeld({ ...page, of });
                setError(undefined);
            },
            (e: unknown) => {
                if (!stop.signal.aborted) setError(asFailure(e));
            },
        );
        return () => stop.abort();
    }, [of, goal]);
    const rows = held?.rows ?? [];
    const retry = (): void => setTries((n) => n + 1);
    const more = (): void => {
        opened = { path, goal: rows.length + PAGE };
        setGoal(opened.goal);
        if (error) retry();
    };
    return { rows, next: held?.next ?? '', ready: held !== undefined, error, more, retry };
}
