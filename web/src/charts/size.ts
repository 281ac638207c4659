// Sizes of charts in design pixels: 1/16 of the root's font size, so that walls scale by themselves.
import type { RefObject } from 'preact';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';

export const unitPx = (): number =>
    parseFloat(getComputedStyle(document.documentElement).fontSize) / 16 || 1;

export function useWidth<T extends Element>(start = 600): [RefObject<T | null>, number, number] {
    const ref = useRef<T>(null);
    const [size, setSize] = useState<[number, number]>([start, 0]);
    useLayoutEffect(() => {
        const element = ref.current;
        if (!element) return;
        const measure = (): void => {
            const box = element.getBoundingClientRect();
            if (box.width === 0) return; // not laid out (hidden, or being printed): the last size holds
            const u = unitPx();
            const next: [number, number] = [Math.floor(box.width / u), Math.floor(box.height / u)];
            setSize((old) => (old[0] === next[0] && old[1] === next[1] ? old : next));
        };
        measure();
        const observer = new ResizeObserver(measure);
        observer.observe(element);
        return () => observer.disconnect();
    }, []);
    return [ref, size[0], size[1]];
}
