// The address is the state: every screen can be sent to a colleague and opens the same.
import { Cell, useCell } from './cell';

export interface Place {
    path: string;
    query: URLSearchParams;
}

const BACK_MS = 3000;

const read = (): Place => ({
    path: location.pathname.replace(/\/+$/, '') || '/',
    query: new URLSearchParams(location.search),
});

export const place = new Cell<Place>(read());
export const usePlace = (): Place => useCell(place);

/** Goes to an address of our own; `replace` keeps the history as it is (filters, typing). */
export function go(to: string, replace = false): void {
    if (to === location.pathname + location.search) return;
    if (replace) history.replaceState(history.state, '', to);
    else {
        history.replaceState({ y: scrollY }, '');
        history.pushState(null, '', to);
    }
    const before = place.value.path;
    place.set(read());
    if (place.value.path !== before) scrollTo(0, 0);
}

/** Scrolls to where the reader was, as soon as what stood there has come; not against the reader. */
function comeBack(y: number): void {
    const until = performance.now() + BACK_MS;
    const stop = new AbortController();
    for (const name of ['wheel', 'touchstart', 'pointerdown', 'keydown'])
        addEventListener(name, () => stop.abort(), { signal: stop.signal, passive: true });
    const step = (): void => {
        if (stop.signal.aborted) return;
        scrollTo(0, y);
        if (Math.abs(scrollY - y) < 2 || performance.now() > until) stop.abort();
        else requestAnimationFrame(step);
    };
    step();
}

/** The same screen with other parameters; null takes one away; a new one goes to the end. */
export function withQuery(changes: Record<string, string | null>): string {
    const query = new URLSearchParams(place.value.query);
    for (const [name, value] of Object.entries(changes)) {
        query.delete(name);
        if (value !== null && value !== '') query.append(name, value);
    }
    const text = query.toString();
    return place.value.path + (text ? `?${text}` : '');
}

export function startRouter(): void {
    addEventListener('popstate', (event) => {
        place.set(read());
        const y = (event.state as { y?: number } | null)?.y;
        if (y) requestAnimationFrame(() => comeBack(y));
    });
    document.addEventListener('click', (event) => {
        const link = (event.target as Element | null)?.closest?.('a[href]');
        const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey;
        if (!(link instanceof HTMLAnchorElement) || !plain || event.defaultPrevented) return;
        const ours = link.origin === location.origin && !link.download && !link.target;
        if (!ours || link.hash || /^\/(fhir|api|metrics|health|ready)\b/.test(link.pathname)) return;
        event.preventDefault();
        go(link.pathname + link.search);
    });
}
