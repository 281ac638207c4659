// One tab stop for a chart: arrows move between its marks, Enter or Space chooses.
import { useRef, useState } from 'preact/hooks';

interface MarkProps {
    tabIndex: number;
    'data-i': number;
    onKeyDown: (e: KeyboardEvent) => void;
    onClick: () => void;
}

/** `step` says how far an arrow goes; default: left/up −1, right/down +1. */
export function useRoving(
    n: number,
    choose: (i: number) => void,
    step?: (i: number, key: string) => number,
    start = 0,
): (i: number) => MarkProps {
    const [active, setActive] = useState(start);
    const moved = useRef(false);
    const current = Math.min(moved.current ? active : start, Math.max(0, n - 1));
    const next = (i: number, key: string): number => {
        if (key === 'Home') return 0;
        if (key === 'End') return n - 1;
        if (step) return step(i, key);
        if (key === 'ArrowLeft' || key === 'ArrowUp') return i - 1;
        if (key === 'ArrowRight' || key === 'ArrowDown') return i + 1;
        return i;
    };
    return (i) => ({
        tabIndex: i === current ? 0 : -1,
        'data-i': i,
        onClick: () => {
            moved.current = true;
            setActive(i);
            choose(i);
        },
        onKeyDown: (e) => {
            if (e.key === 'Enter' || e.key === ' ') {
                e.preventDefault();
                choose(i);
                return;
            }
            const to = next(i, e.key);
            if (to === i || to < 0 || to >= n) return;
            e.preventDefault();
            moved.current = true;
            setActive(to);
            const root = (e.currentTarget as Element).closest('[data-chart]');
            root?.querySelector<SVGElement>(`[data-i="${to}"]`)?.focus();
        },
    });
}
