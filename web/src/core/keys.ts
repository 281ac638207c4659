// Keys of the whole program and of the screen in view. `g` then a letter goes somewhere.
import { useLayoutEffect } from 'preact/hooks';
import { Cell } from './cell';
import type { Key } from './i18n';
import { go } from './router';

export interface Binding {
    keys: string; // "/", "g o", "Backspace"
    label: Key;
    run: (event: KeyboardEvent) => void;
}

const CHORD_MS = 1500;
export const bindings = new Cell<Binding[]>([]);
export const helpOpen = new Cell(false);

const places: [string, Key, string][] = [
    ['g o', 'nav.ops', '/'],
    ['g c', 'nav.citizens', '/citizens'],
    ['g r', 'nav.rejects', '/rejects'],
    ['g i', 'nav.import', '/import'],
    ['g b', 'nav.claims', '/giam-dinh'],
    ['g q', 'nav.settle', '/quyet-toan'],
    ['g t', 'nav.mpi', '/trung-ho-so'],
    ['g d', 'nav.catalogues', '/danh-muc'],
    ['g u', 'nav.outgoing', '/cong-giam-dinh'],
    ['g w', 'nav.wall', '/wall'],
];
const everywhere: Binding[] = [
    { keys: '/', label: 'keys.search', run: focusSearch },
    { keys: '?', label: 'keys.help', run: () => helpOpen.set(!helpOpen.value) },
    ...places.map(([keys, label, to]): Binding => ({ keys, label, run: () => go(to) })),
];

function focusSearch(): void {
    const fields = [...document.querySelectorAll<HTMLInputElement>('input[type=search]')];
    const field = fields.find((f) => f.offsetParent !== null && f.closest('main')) ?? fields[0];
    field?.focus();
    field?.select();
}

const isTyping = (target: EventTarget | null): boolean =>
    target instanceof HTMLElement &&
    (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));

export const allBindings = (): Binding[] => [...bindings.value, ...everywhere];

export function startKeys(): void {
    let first = '';
    let at = 0;
    document.addEventListener('keydown', (event) => {
        if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
        if (event.key === 'Escape' && helpOpen.value) {
            event.preventDefault(); // what is beneath stays open
            helpOpen.set(false);
            return;
        }
        if (isTyping(event.target) || helpOpen.value === true && event.key !== '?') return;
        const chord = first && event.timeStamp - at < CHORD_MS ? `${first} ${event.key}` : event.key;
        const hit = allBindings().find((b) => b.keys === chord);
        first = '';
        if (hit) {
            event.preventDefault();
            hit.run(event);
        } else if (event.key === 'g') {
            first = 'g';
            at = event.timeStamp;
        }
    });
}

/** Keys that hold while the screen is in view, from before it is painted: queued keys come sooner than a frame. */
export function useKeys(list: Binding[], inputs: unknown[]): void {
    useLayoutEffect(() => {
        bindings.set([...list, ...bindings.value]);
        return () => bindings.set(bindings.value.filter((b) => !list.includes(b)));
    }, inputs);
}
