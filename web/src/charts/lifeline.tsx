// A life as a band of years: visits as marks by kind (shape and colour), drugs as bars beneath, for
// the days that each prescription was made for: what is missing between them is seen.
// Wheel and + − zoom, dragging and arrows move, 0 shows all. Clicking a mark opens its visit.
import type { JSX } from 'preact';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { Drug, Visit } from '../core/api';
import { date, num, today } from '../core/format';
import { t, tOr } from '../core/i18n';
import { kindOf, type VisitKind } from '../screens/visit';
import { NumberTable } from '../ui/table';
import { useWidth } from './size';
import { gaps, supplies } from './supply';
import { tipOn } from './tip';

interface Props {
    visits: Visit[];
    drugs: Drug[];
    whole: boolean; // all of the record is read
    opened: string | null;
    open: (visit: string) => void;
}
type Span = [number, number];

const DAY = 86400000;
const LEAST = 14 * DAY;
const BIN = 10; // marks nearer than this stand on each other
const BIN_NUMBERED = 26;
const STACK = 4;
const DRUG_ROWS = 6;
const DRUG_ROW = 18;
const VISITS_HEIGHT = 58;
const AXIS = 20;
const shapes: Record<VisitKind, string> = {
    AMB: 'M0-4a4 4 0 1 0 0 8 4 4 0 0 0 0-8Z',
    IMP: 'M-4-4h8v8h-8Z',
    EMER: 'M0-5 5 4h-10Z',
    OTHER: 'M0-4.5 4.5 0 0 4.5-4.5 0Z',
};

const at = (iso: string | null): number => (iso ? Date.parse(iso.length === 10 ? `${iso}T12:00:00+07:00` : iso) : NaN);

/** From the first visit, at least a year ago, to now. */
function lifeSpan(visits: Visit[]): Span {
    const times = visits.map((v) => at(v.start)).filter((x) => !Number.isNaN(x));
    const last = Math.max(Date.now(), ...times);
    return [Math.min(last - 365 * DAY, ...times), last];
}

const clamp = ([a, b]: Span, full: Span): Span => {
    const width = Math.min(Math.max(b - a, LEAST), full[1] - full[0]);
    const middle = (a + b) / 2;
    const from = Math.min(Math.max(middle - width / 2, full[0]), full[1] - width);
    return [from, from + width];
};

interface AxisTick {
    x: number;
    label: string;
    strong: boolean;
}

function axisTicks([a, b]: Span, x: (time: number) => number, width: number): AxisTick[] {
    const list: AxisTick[] = [];
    const months = (b - a) / DAY / 30.4;
    const step = [1, 2, 3, 6, 12, 24, 60, 120].find((s) => (months / s) * 56 < width) ?? 120;
    const first = new Date(a);
    let month = first.getFullYear() * 12 + first.getMonth();
    month -= month % step;
    for (; ; month += step) {
        const time = new Date(Math.floor(month / 12), month % 12, 1).getTime();
        if (time > b) return list;
        if (time < a) continue;
        const january = month % 12 === 0;
        const year = Math.floor(month / 12);
        list.push({ x: x(time), label: january ? String(year) : t('chart.month', { n: (month % 12) + 1 }), strong: january });
    }
}

export function Lifeline({ visits, drugs, whole, opened, open }: Props): JSX.Element {
    const [ref, width] = useWidth<HTMLDivElement>(900);
    const life = useMemo(() => lifeSpan(visits), [visits]);
    const room = (life[1] - life[0]) * 0.02;
    const full: Span = [life[0] - room, life[1] + room];
    const [span, setSpan] = useState<Span | null>(null); // null: all of it, also when more of it is read
    const [all, setAll] = useState(false);
    const names = width > 720 ? 190 : 0;
    const [a, b] = clamp(span ?? full, full);
    const isAll = b - a >= (full[1] - full[0]) * 0.999;
    const x = (time: number): number => names + ((time - a) / (b - a)) * (width - names - 8);
    const zoom = (factor: number, around = (a + b) / 2): void => {
        const next: Span = [around - (around - a) * factor, around + (b - around) * factor];
        setSpan(next[1] - next[0] < full[1] - full[0] ? clamp(next, full) : null);
    };
    const move = (by: number): void => setSpan(isAll ? null : clamp([a + by, b + by], full));
    const drag = useDrag(ref, { a, b, isAll, names, zoom, move });
    const rows = useMemo(() => [...drugs].sort((p, q) => q.times - p.times), [drugs]);
    const shown = all ? rows : rows.slice(0, DRUG_ROWS);
    const height = AXIS + VISITS_HEIGHT + shown.length * (names ? DRUG_ROW : DRUG_ROW + 12) + 6;
    const key = (e: KeyboardEvent): void => {
        const run = { ArrowLeft: () => move((a - b) / 5), ArrowRight: () => move((b - a) / 5), '+': () => zoom(0.6), '=': () => zoom(0.6), '-': () => zoom(1.6), '0': () => setSpan(null) }[e.key];
        if (!run) return;
        e.preventDefault();
        run();
    };
    const ticks = axisTicks([a, b], x, width - names);
    // A thousand rows that zooming and dragging need not compare again.
    const tables = useMemo(() => <Tables visits={visits} drugs={rows} whole={whole} />, [visits, rows, whole]);
    return (
        <section class="lifeline" aria-labelledby="lifeline-title">
            <header>
                <h2 id="lifeline-title">{t('lifeline.title')}</h2>
                <p class="quiet">
                    {date(today(new Date(Math.max(a, life[0]))))} – {date(today(new Date(Math.min(b, life[1]))))}
                </p>
                <Kinds visits={visits} whole={whole} />
                <div class="zoom" role="group" aria-label={t('lifeline.zoom')}>
                    <button type="button" class="small-button" aria-label={t('lifeline.in')} onClick={() => zoom(0.6)}>
                        +
                    </button>
                    <button type="button" class="small-button" aria-label={t('lifeline.out')} onClick={() => zoom(1.6)}>
                        −
                    </button>
                    <button type="button" class="small-button" onClick={() => setSpan(clamp([full[1] - 366 * DAY, full[1]], full))}>
                        {t('lifeline.year')}
                    </button>
                    <button type="button" class="small-button" onClick={() => setSpan(null)}>
                        {t('lifeline.all')}
                    </button>
                </div>
            </header>
            <div class="chart life" ref={ref} tabIndex={0} role="group" aria-label={t('lifeline.keys')} onKeyDown={key} {...drag}>
                <svg viewBox={`0 0 ${width} ${height}`} width="100%" height={`${height / 16}rem`} aria-hidden="true">
                    <defs>
                        <clipPath id="life-clip">
                            <rect x={names} y="0" width={Math.max(0, width - names)} height={height} />
                        </clipPath>
                    </defs>
                    {ticks.map((k) => (
                        <line class={k.strong ? 'grid strong' : 'grid'} x1={k.x} x2={k.x} y1={AXIS - 4} y2={height - 4} />
                    ))}
                    {ticks.map((k) =>
                        k.x < width - 24 ? (
                            <text class={k.strong ? 'axis strong' : 'axis'} x={k.x + 3} y={12}>
                                {k.label}
                            </text>
                        ) : null,
                    )}
                    {names > 0 && (
                        <text class="axis strong" x={0} y={AXIS + VISITS_HEIGHT - 14}>
                            {whole ? t('lifeline.visits', { n: num(visits.length) }) : t('citizen.reading')}
                        </text>
                    )}
                    <g clip-path="url(#life-clip)">
                        <Marks visits={visits} x={x} opened={opened} open={open} />
                        {shown.map((d, i) => (
                            <DrugBar drug={d} whole={whole} x={x} y={AXIS + VISITS_HEIGHT + i * (names ? DRUG_ROW : DRUG_ROW + 12)} named={!names} />
                        ))}
                    </g>
                    {names > 0 &&
                        shown.map((d, i) => (
                            <text class="axis" x={0} y={AXIS + VISITS_HEIGHT + i * DRUG_ROW + 12}>
                                {short(d.name ?? d.code, 28)}
                            </text>
                        ))}
                </svg>
                {tables}
            </div>
            {rows.length > DRUG_ROWS && (
                <button type="button" class="link-button" onClick={() => setAll(!all)}>
                    {t(all ? 'lifeline.fewer' : 'lifeline.more', { n: rows.length - DRUG_ROWS })}
                </button>
            )}
        </section>
    );
}

const short = (text: string, n: number): string => (text.length > n ? `${text.slice(0, n - 1)}…` : text);

function Tables({ visits, drugs, whole }: { visits: Visit[]; drugs: Drug[]; whole: boolean }): JSX.Element {
    return (
        <div class="sr">
            <NumberTable caption={t('lifeline.title')} model={tableOf(visits)} />
            <NumberTable caption={t('citizen.drugs')} model={drugTable(drugs, whole)} />
        </div>
    );
}

const tableOf = (visits: Visit[]) => ({
    columns: [{ title: t('word.day') }, { title: t('word.kind') }, { title: t('word.diagnosis') }, { title: t('facilities.name') }],
    rows: visits.map((v) => [date(v.start), tOr(`kind.${kindOf(v)}`) ?? '', `${v.icd ?? ''} ${v.diagnosis ?? ''}`, v.facility_name ?? v.facility]),
});

const drugTable = (drugs: Drug[], whole: boolean) => ({
    columns: [{ title: t('citizen.drugs') }, { title: t('filter.from') }, { title: t('filter.to') }, { title: t('word.note') }],
    rows: drugs.map((d) => [d.name ?? d.code, date(d.first), date(d.last), drugWords(d, whole).join('; ')]),
});

/** How often, and what is missing between: known when all of the record is read. */
function drugWords(d: Drug, whole: boolean): string[] {
    if (!whole) return [];
    const missing = gaps(supplies(d.given));
    const words = [t('lifeline.given', { n: num(d.times), date: date(d.last) })];
    if (missing.n > 0) words.push(t('lifeline.gaps', { n: num(missing.n), days: num(missing.longest) }));
    return words;
}

function Kinds({ visits, whole }: { visits: Visit[]; whole: boolean }): JSX.Element {
    const counts = new Map<VisitKind, number>();
    for (const v of visits) counts.set(kindOf(v), (counts.get(kindOf(v)) ?? 0) + 1);
    return (
        <ul class="legend kinds">
            {[...counts].map(([kind, n]) => (
                <li>
                    <svg class={`life-mark kind-${kind}`} viewBox="-6 -6 12 12" width="12" height="12" aria-hidden="true">
                        <path d={shapes[kind]} />
                    </svg>
                    {tOr(`kind.${kind}`)} {whole && num(n)}
                </li>
            ))}
        </ul>
    );
}

interface MarksProps {
    visits: Visit[];
    x: (time: number) => number;
    opened: string | null;
    open: (visit: string) => void;
}

interface Bin {
    left: number;
    list: Visit[];
}

function binned(sorted: Visit[], x: (time: number) => number, width: number): Bin[] {
    const bins: Bin[] = [];
    for (const v of sorted) {
        const place = x(at(v.start));
        const last = bins[bins.length - 1];
        if (last && place - last.left < width) last.list.push(v);
        else if (!Number.isNaN(place)) bins.push({ left: place, list: [v] });
    }
    return bins;
}

/** Visits near each other stand on each other; above four a number says how many there are. */
function Marks({ visits, x, opened, open }: MarksProps): JSX.Element {
    const sorted = useMemo(() => [...visits].sort((p, q) => at(p.start) - at(q.start)), [visits]);
    let bins = binned(sorted, x, BIN);
    // Numbers beneath the stacks need room.
    if (bins.some((b) => b.list.length > STACK)) bins = binned(sorted, x, BIN_NUMBERED);
    const base = AXIS + VISITS_HEIGHT - 18;
    return (
        <g>
            {bins.map(({ left: cx, list }) => {
                return (
                    <g>
                        {list.slice(0, STACK).map((v, k) => (
                            <g
                                class={`life-mark kind-${kindOf(v)} ${v.id === opened ? 'opened' : ''}`}
                                transform={`translate(${cx} ${base - k * 10})`}
                                onClick={() => open(v.id)}
                                {...tipOn(`${date(v.start)} · ${tOr(`kind.${kindOf(v)}`) ?? ''}`, [`${v.icd ?? ''} ${v.diagnosis ?? ''}`, v.facility_name ?? v.facility ?? ''])}
                            >
                                {v.id === opened && <circle class="ring" r="8" />}
                                <path d={shapes[kindOf(v)]} />
                            </g>
                        ))}
                        {list.length > STACK && (
                            <text class="axis" x={cx} y={base + 16} text-anchor="middle">
                                {list.length}
                            </text>
                        )}
                    </g>
                );
            })}
        </g>
    );
}

const LEAST_WIDTH = 4; // a single day is still seen when a life is shown

interface DrugBarProps {
    drug: Drug;
    whole: boolean;
    x: (time: number) => number;
    y: number;
    named: boolean;
}

function DrugBar({ drug: d, whole, x, y, named }: DrugBarProps): JSX.Element {
    const spans = useMemo(() => supplies(d.given), [d]);
    const top = y + (named ? 16 : 4);
    // Spans whose gap is less than a pixel are one bar.
    const bars: [number, number][] = [];
    for (const { from, to } of spans) {
        const left = x(from);
        const right = Math.max(left + LEAST_WIDTH, x(to));
        const last = bars[bars.length - 1];
        if (last && left - last[1] < 1) last[1] = Math.max(last[1], right);
        else bars.push([left, right]);
    }
    const [first, end] = [bars[0]?.[0] ?? 0, bars[bars.length - 1]?.[1] ?? 0];
    return (
        <g {...tipOn(d.name ?? d.code, [`${date(d.first)} – ${date(d.last)}`, ...drugWords(d, whole), d.dose ?? ''])}>
            {named && (
                <text class="axis" x={2} y={y + 10}>
                    {short(d.name ?? d.code, 40)}
                </text>
            )}
            <rect class="hit" x={first} y={top - 3} width={Math.max(0, end - first)} height={15} />
            <line class="drug-line" x1={first} x2={end} y1={top + 4.5} y2={top + 4.5} />
            {bars.map(([left, right]) => (
                <rect class="drug-bar" x={left} y={top} width={right - left} height={9} rx={Math.min(4.5, (right - left) / 2)} />
            ))}
        </g>
    );
}

interface DragState {
    a: number;
    b: number;
    isAll: boolean;
    names: number;
    zoom: (factor: number, around?: number) => void;
    move: (by: number) => void;
}

/** Wheel zooms around the pointer (all the way out it leaves the wheel to the page); dragging moves. */
function useDrag(ref: { current: HTMLDivElement | null }, state: DragState): object {
    const now = useRef(state);
    now.current = state;
    const from = useRef<number | null>(null);
    useEffect(() => {
        const box = ref.current;
        if (!box) return;
        const wheel = (e: WheelEvent): void => {
            const { a, b, isAll, names, zoom, move } = now.current;
            const rect = box.getBoundingClientRect();
            const u = rect.width / Math.max(1, box.querySelector('svg')!.viewBox.baseVal.width);
            const left = rect.left + names * u;
            const width = rect.width - names * u;
            if (Math.abs(e.deltaX) > Math.abs(e.deltaY)) {
                move(((b - a) * e.deltaX) / width);
            } else {
                if (isAll && e.deltaY > 0) return;
                const share = Math.min(1, Math.max(0, (e.clientX - left) / width));
                zoom(e.deltaY < 0 ? 0.8 : 1.25, a + (b - a) * share);
            }
            e.preventDefault();
        };
        box.addEventListener('wheel', wheel, { passive: false });
        return () => box.removeEventListener('wheel', wheel);
    }, [ref]);
    return {
        onPointerDown: (e: PointerEvent) => {
            if (e.button === 0) from.current = e.clientX;
        },
        onPointerMove: (e: PointerEvent) => {
            const { a, b, move } = now.current;
            const box = ref.current;
            if (from.current === null || !box || e.buttons === 0) return;
            move(((from.current - e.clientX) / box.clientWidth) * (b - a));
            from.current = e.clientX;
        },
        onPointerUp: () => {
            from.current = null;
        },
        onPointerLeave: () => {
            from.current = null;
        },
    };
}
