// The epidemic curve: bars a week, the band expected from the years before, alarms marked.
import type { JSX } from 'preact';
import type { Week } from '../core/api';
import { addDays, num, period, week } from '../core/format';
import { t } from '../core/i18n';
import { ticks } from './scale';
import { useRoving } from './roving';
import { useWidth } from './size';
import { tipOn } from './tip';

interface Props {
    weeks: Week[];
    to: string; // the last day with data: a later Sunday means an unfinished week
    chosen: string | null; // Monday of the chosen week
    choose?: (week: Week) => void;
    title: string;
    least?: number; // counts below it are not told (walls)
}
const PAD = { left: 44, right: 10, top: 14, bottom: 38 };

function runs(weeks: Week[]): [number, number][] {
    const list: [number, number][] = [];
    weeks.forEach((w, i) => {
        const last = list[list.length - 1];
        if (w.high === undefined) return;
        if (last && last[1] === i - 1) last[1] = i;
        else list.push([i, i]);
    });
    return list;
}

export function WeekChart({ weeks, to, chosen, choose, title, least = 0 }: Props): JSX.Element {
    const [ref, width, height] = useWidth<HTMLDivElement>();
    const h = Math.max(height, 150);
    const steps = ticks(Math.max(1, 2 * least, ...weeks.map((w) => Math.max(w.visits, w.high ?? 0))), h > 260 ? 5 : 4);
    const top = steps[steps.length - 1] ?? 1;
    const slot = Math.max(1, (width - PAD.left - PAD.right) / Math.max(1, weeks.length));
    const x = (i: number): number => PAD.left + i * slot;
    const y = (v: number): number => h - PAD.bottom - (v / top) * (h - PAD.top - PAD.bottom);
    const rove = useRoving(weeks.length, (i) => weeks[i] && choose?.(weeks[i]), undefined, weeks.length - 1);
    const every = slot > 13 ? 4 : slot > 7 ? 8 : 13;
    return (
        <div class="chart" ref={ref} data-chart>
            <svg viewBox={`0 0 ${width} ${h}`} role="group" aria-label={title}>
                <defs>
                    <pattern id="hatch-bar" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
                        <rect width="2.500" height="5" class="bar" />
                    </pattern>
                </defs>
                {steps.map((v) => (
                    <g aria-hidden="true">
                        <line class="grid" x1={PAD.left} x2={width - PAD.right} y1={y(v)} y2={y(v)} />
                        <text class="axis" x={PAD.left - 6} y={y(v) + 4} text-anchor="end">
                            {num(v)}
                        </text>
                    </g>
                ))}
                {runs(weeks).map(([a, b]) => (
                    <path class="band" aria-hidden="true" d={bandPath(weeks, a, b, (i) => x(i) + slot / 2, y)} />
                ))}
                {weeks.map((w, i) => {
                    const open = addDays(w.d, 6) > to;
                    const veiled = w.visits > 0 && w.visits < least;
                    const kind = w.alarm && !open ? 'bar alarm' : open || veiled ? 'bar open' : 'bar';
                    const height = y(0) - y(veiled ? least - 1 : w.visits);
                    return (
                        <g
                            key={w.w}
                            {...(choose ? rove(i) : {})}
                            {...tipOn(`${week(w.w)} · ${period(w.d, addDays(w.d, 6))}`, veiled ? [t('chart.visits', { n: `<${least}` })] : lines(w, open))}
                            role={choose ? 'button' : undefined}
                            aria-pressed={choose ? chosen === w.d : undefined}
                            aria-label={choose ? `${week(w.w)}: ${num(w.visits)}${w.alarm && !open ? `, ${t('chart.alarm')}` : ''}` : undefined}
                            class={chosen && chosen !== w.d ? 'mark-g faded' : 'mark-g'}
                        >
                            <rect class="hit" x={x(i)} y={PAD.top} width={slot} height={h - PAD.top - PAD.bottom} />
                            <rect class={kind} x={x(i) + 0.75} y={y(0) - height} width={Math.max(1, slot - 1.5)} height={Math.max(0, height)} />
                            {w.alarm && !open && (
                                <path class="alarm-mark" transform={`translate(${x(i) + slot / 2} ${Math.max(6, y(0) - height - 7)})`} d="M0-5 5 0 0 5-5 0Z" />
                            )}
                        </g>
                    );
                })}
                {runs(weeks).map(([a, b]) => (
                    <BandLines weeks={weeks.slice(a, b + 1)} x={(i) => x(a + i) + slot / 2} y={y} />
                ))}
                <g aria-hidden="true">
                    {weeks.map((w, i) =>
                        i % every === (weeks.length - 1) % every ? (
                            <text class="axis" x={Math.min(x(i) + slot / 2, width - PAD.right - 12)} y={h - PAD.bottom + 15} text-anchor="middle">
                                {t('chart.week', { n: Number(w.w.slice(6)) })}
                            </text>
                        ) : null,
                    )}
                    {weeks.map((w, i) =>
                        i > 0 && weeks[i - 1]!.w.slice(0, 4) !== w.w.slice(0, 4) ? (
                            <g>
                                <line class="year" x1={x(i)} x2={x(i)} y1={PAD.top} y2={h - 4} />
                                <text class="axis strong" x={x(i) + 5} y={h - 6}>
                                    {w.w.slice(0, 4)}
                                </text>
                                <text class="axis strong" x={x(i) - 5} y={h - 6} text-anchor="end">
                                    {weeks[i - 1]!.w.slice(0, 4)}
                                </text>
                            </g>
                        ) : null,
                    )}
                </g>
            </svg>
        </div>
    );
}

function lines(w: Week, open: boolean): string[] {
    const list = [t('chart.visits', { n: num(w.visits) })];
    if (w.expected !== undefined)
        list.push(t('chart.expected', { n: num(w.expected), low: num(w.low), high: num(w.high) }));
    if (open) list.push(t('chart.unfinished'));
    else if (w.alarm) list.push(t('chart.alarm'));
    return list;
}

type Place = (n: number) => number;

function bandPath(weeks: Week[], from: number, to: number, x: Place, y: Place): string {
    const at = (i: number, v: number | undefined): string => `${x(i).toFixed(1)} ${y(v ?? 0).toFixed(1)}`;
    const up: string[] = [];
    const down: string[] = [];
    for (let i = from; i <= to; i++) {
        up.push(at(i, weeks[i]?.high));
        down.unshift(at(i, weeks[i]?.low));
    }
    return `M${up.join('L')}L${down.join('L')}Z`;
}

/** The band's upper border and its middle, over the bars. */
function BandLines({ weeks, x, y }: { weeks: Week[]; x: Place; y: Place }): JSX.Element {
    const path = (value: (w: Week) => number | undefined): string =>
        `M${weeks.map((w, i) => `${x(i).toFixed(1)} ${y(value(w) ?? 0).toFixed(1)}`).join('L')}`;
    return (
        <g aria-hidden="true">
            <path class="band-edge" d={path((w) => w.high)} />
            <path class="band-middle" d={path((w) => w.expected)} />
        </g>
    );
}
