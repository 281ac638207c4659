// Live counters: server-sent events, opened once for all screens. The browser connects again by itself
// after most failures; where it gives up (an error page in between) or hears nothing for longer than two
// heartbeats (a line that died without a word), we do. A page that nobody sees holds no connection:
// browsers allow six to a server, for all pages together.
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
const AGAIN_MS = 5000;
export const live = new Cell<Live | null>(null);
export const link = new Cell<Link>('connecting');
/** Grows when the store has changed: at most once in two seconds. */
export const generation = new Cell(0);

let source: EventSource | null = null;
let heard = 0; // when something came, or when we last tried
let pending = 0;

function changed(): void {
    if (pending) return;
    pending = window.setTimeout(() => {
        pending = 0;
        generation.set(generation.value + 1);
    }, 1500);
}

function take(event: Event): void {
    const next = JSON.parse((event as MessageEvent<string>).data) as Live;
    const before = live.value;
    const back = link.value === 'lost'; // what failed meanwhile is asked again
    heard = performance.now();
    link.set('live');
    live.set(next);
    if (back || (before && (before.records !== next.records || before.rejects_open !== next.rejects_open))) changed();
}

function listen(): void {
    source?.close();
    source = document.hidden ? null : new EventSource('/api/live');
    source?.addEventListener('live', take);
    source?.addEventListener('error', () => link.set('lost'));
    heard = performance.now();
}

function watch(): void {
    if (!source) return;
    const silent = performance.now() - heard;
    if (silent > SILENCE_MS) link.set('lost');
    if (silent > SILENCE_MS || (source.readyState === EventSource.CLOSED && silent > AGAIN_MS)) listen();
}

export function startLive(): void {
    listen();
    document.addEventListener('visibilitychange', listen);
    setInterval(watch, 1000);
}

export const useLive = (): Live | null => useCell(live);
export const useLink = (): Link => useCell(link);

/** Grows after a change at once, then not again for so long. */
export function useGeneration(leastMs = 0): number {
    const [seen, setSeen] = useState(generation.value);
    useEffect(() => {
        let timer = 0;
        let next = 0; // not before this time
        setSeen(generation.value);
        const see = (): void => {
            timer = 0;
            next = performance.now() + leastMs;
            setSeen(generation.value);
        };
        const stop = generation.watch(() => {
            timer ||= window.setTimeout(see, Math.max(0, next - performance.now()));
        });
        return () => {
            stop();
            clearTimeout(timer);
        };
    }, [leastMs]);
    return seen;
}

/** The present, moving once in `everyMs`. */
export function useNow(everyMs = 1000): Date {
    const [now, setNow] = useState(new Date());
    useEffect(() => {
        const id = setInterval(() => setNow(new Date()), everyMs);
        return () => clearInterval(id);
    }, [everyMs]);
    return now;
}
