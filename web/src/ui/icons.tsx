// Our own line icons, 20 × 20, drawn with the colour of the text.
import type { JSX } from 'preact';

const shapes = {
    ops: 'M3 17V9M8 17V4M13 17v-6M18 17V7',
    people: 'M7 9.5a3 3 0 1 0 0-6 3 3 0 0 0 0 6ZM1.5 17c0-3 2.4-5 5.5-5s5.5 2 5.5 5M13.5 4a3 3 0 0 1 0 5.6M15 12.4c2.100.5 3.500 2.200 3.500 4.600',
    rejects: 'M10 3 1.800 17h16.400L10 3ZM10 8v4M10 14.300v.4',
    import: 'M10 2.500v10M6 8.500l4 4 4-4M3 14v3h14v-3',
    wall: 'M2.500 4h15v10h-15zM7 17.500h6M10 14v3.500',
    search: 'M8.500 14a5.500 5.500 0 1 0 0-11 5.500 5.500 0 0 0 0 11ZM12.600 12.600 17.500 17.500',
    info: 'M10 17.500a7.500 7.500 0 1 0 0-15 7.500 7.500 0 0 0 0 15ZM10 9v5M10 6v.5',
    more: 'M10 4.500v.2M10 10v.2M10 15.500v.2',
    close: 'M5 5l10 10M15 5 5 15',
    sun: 'M10 13.500a3.500 3.500 0 1 0 0-7 3.500 3.500 0 0 0 0 7ZM10 2v1.500M10 16.500V18M2 10h1.500M16.500 10H18M4.300 4.300l1.100 1.100M14.600 14.600l1.100 1.100M4.300 15.700l1.100-1.100M14.600 5.400l1.100-1.100',
    moon: 'M16.500 12.200A7 7 0 0 1 7.800 3.500a7 7 0 1 0 8.700 8.700Z',
    keys: 'M2 5.500h16v9H2zM5 8.500h.2M8 8.500h.2M11 8.500h.2M14.500 8.500h.2M6.500 11.500h7',
    rail: 'M3 4h14v12H3zM8 4v12',
    copy: 'M7 7h9v9H7zM4 13V4h9',
    down: 'M5 8l5 5 5-5',
    right: 'M8 5l5 5-5 5',
    file: 'M5 2.500h6.500L15 6v11.500H5zM11 2.500V6.500h4',
    claims: 'M5 2.500h10v15l-2.500-1.800-2.500 1.800-2.500-1.800L5 17.500ZM8 7h4M8 10.500h4',
    settle: 'M2.500 5.500h15v9h-15zM10 12.500a2.500 2.500 0 1 0 0-5 2.500 2.500 0 0 0 0 5ZM5 8v4M15 8v4',
    outgoing: 'M10 13V3M6 7l4-4 4 4M3 13v4h14v-4',
    pair: 'M6.500 9a2.500 2.500 0 1 0 0-5 2.500 2.500 0 0 0 0 5ZM13.500 9a2.500 2.500 0 1 0 0-5 2.500 2.500 0 0 0 0 5ZM2 15.500c0-2.500 2-4 4.500-4 1.300 0 2.500.4 3.500 1.200 1-.8 2.200-1.200 3.500-1.200 2.500 0 4.500 1.500 4.500 4',
    list: 'M3.500 5h.2M3.500 10h.2M3.500 15h.2M7 5h10M7 10h10M7 15h10',
    undo: 'M7 4 3 8l4 4M3 8h9a5 5 0 0 1 0 10H8',
    check: 'M4 10.500l4 4 8-9',
} as const;

export type IconName = keyof typeof shapes;

export function Icon({ name, size = 20 }: { name: IconName; size?: number }): JSX.Element {
    return (
        <svg class="icon" viewBox="0 0 20 20" width={size} height={size} aria-hidden="true">
            <path
                d={shapes[name]}
                fill="none"
                stroke="currentColor"
                stroke-width={name === 'more' ? 2.6 : 1.6}
                stroke-linecap="round"
                stroke-linejoin="round"
            />
        </svg>
    );
}

/** State by shape as well as by colour; the word stands beside it. */
export function StateMark({ state }: { state: 'normal' | 'watch' | 'alarm' | 'unknown' }): JSX.Element {
    const d = {
        normal: 'M6 1.500a4.500 4.500 0 1 0 0 9 4.500 4.500 0 0 0 0-9Z',
        watch: 'M6 1 11.500 11H.5Z',
        alarm: 'M6 .5 11.500 6 6 11.500.5 6Z',
        unknown: 'M6 2a4 4 0 1 0 0 8 4 4 0 0 0 0-8Z',
    }[state];
    return (
        <svg class={`mark mark-${state}`} viewBox="0 0 12 12" width="12" height="12" aria-hidden="true">
            <path d={d} />
        </svg>
    );
}
