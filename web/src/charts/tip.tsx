// The one small label that follows pointer and focus over charts.
import type { JSX, SVGAttributes } from 'preact';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import { Cell, useCell } from '../core/cell';
import { usePlace } from '../core/router';

interface Tip {
    x: number;
    y: number;
    title: string;
    lines: string[];
}
const tip = new Cell<Tip | null>(null);

/** Handlers for one mark of a chart. */
export function tipOn(title: string, lines: string[]): SVGAttributes<SVGGElement> {
    const at = (x: number, y: number): void => tip.set({ x, y, title, lines });
    return {
        onPointerMove: (e: PointerEvent) => at(e.clientX, e.clientY),
        onPointerLeave: () => tip.set(null),
        onFocus: (e: FocusEvent) => {
            const box = (e.currentTarget as Element).getBoundingClientRect();
            at(box.left + box.width / 2, box.top);
        },
        onBlur: () => tip.set(null),
    } as unknown as SVGAttributes<SVGGElement>;
}

export function TipLayer(): JSX.Element | null {
    const now = useCell(tip);
    const { path } = usePlace();
    const ref = useRef<HTMLDivElement>(null);
    // The mark went away with its screen, and Escape takes the label away: neither tells the mark's own handlers.
    useEffect(() => tip.set(null), [path]);
    useEffect(() => {
        const key = (e: KeyboardEvent): void => {
            if (e.key === 'Escape') tip.set(null);
        };
        document.addEventListener('keydown', key);
        return () => document.removeEventListener('keydown', key);
    }, []);
    useLayoutEffect(() => {
        const box = ref.current;
        if (!box || !now) return;
        const { width, height } = box.getBoundingClientRect();
        const x = Math.min(Math.max(8, now.x + 14), innerWidth - width - 8);
        const above = now.y - height - 12;
        box.style.transform = `translate(${x}px, ${above < 8 ? now.y + 18 : above}px)`;
    }, [now]);
    if (!now) return null;
    return (
        <div class="tip" ref={ref} aria-hidden="true">
            <b>{now.title}</b>
            {now.lines.map((line) => (
                <span>{line}</span>
            ))}
        </div>
    );
}
