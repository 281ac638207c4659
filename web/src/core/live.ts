// Live counters: server-sent events, opened once for all screens. The browser connects again by
// itself; a silence longer than two heartbeats counts as lost.
import { useEffect, useState } from 'preact/hooks';
import { Cell, useCell } from './cell';

export interface Live {
    time: string;
    visits: number;
    records: number;
    visits_today: number;
    rejects_open: number;
    visits_per_s: number;
}
export type Link = 'connecting' | 'live' | 'lost';

const SILENCE_MS = 35000;
export const live = new Cell<Live | null>(null);
export const link = new Cell<Link>('connecting');
/** Grows when the store has changed: at most once in two seconds. */
export const generation = new Cell(0);

let heard = 0;
let pending = 0;

function changed(): void {
    if (pending) return;
    pending = window.setTimeout(() => {
        pending = 0;
        generation.set(generation.value + 1);
    }, 1500);
}

export function startLive(): void {
    const source = new EventSource('/api/live');
    source.addEventListener('live', (event) => {
        const next = JSON.parse((event as MessageEvent<string>).data) as Live;
        const before = live.value;
        const back = link.value === 'lost'; // what failed meanwhile is asked again
        heard = performance.now();
        link.set('live');
        live.set(next);
        if (back || (before && before.records !== next.records)) changed();
    });
    source.addEventListener('error', () => link.set('lost'));
    source.addEventListener('open', () => {
        heard = performance.now();
    });
    setInterval(() => {
        if (heard && performance.now() - heard > SILENCE_MS) link.set('lost');
    }, 1000);
}

export const useLive = (): Live | null => useCell(live);
export const useLink = (): Link => useCell(link);
export const useGeneration = (): number => useCell(generation);

/** The present, moving once in `everyMs`. */
export function useNow(everyMs = 1000): Date {
    const [now, setNow] = useState(new Date());
    useEffect(() => {
        const id = setInterval(() => setNow(new Date()), everyMs);
        return () => clearInterval(id);
    }, [everyMs]);
    return now;
}
