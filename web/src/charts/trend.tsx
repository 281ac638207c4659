// Results as small multiples: one small trend each, with its reference band where the record has one.
import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { Result } from '../core/api';
import { date, dateTime, measure, num } from '../core/format';
import { t, tOr } from '../core/i18n';
import { StateMark } from '../ui/icons';
import { NumberTable } from '../ui/table';
import { ticksBetween } from './scale';
import { useWidth } from './size';
import { tipOn } from './tip';

const FIRST = 12;

export function Results({ list, whole }: { list: Result[]; whole: boolean }): JSX.Element {
    const [all, setAll] = useState(false);
    const sorted = [...list].filter((r) => r.points.length > 0).sort((a, b) => b.points.length - a.points.length);
    return (
        <section class="panel results" aria-labelledby="results-title">
            <h2 id="results-title">
                {t('citizen.results')} <span class="quiet">{whole ? num(sorted.length) : t('citizen.reading')}</span>
            </h2>
            {sorted.length === 0 && whole && <p class="empty">{t('citizen.no_results')}</p>}
            <div class="multiples">
                {(all ? sorted : sorted.slice(0, FIRST)).map((r) => (
                    <Multiple key={r.code} r={r} />
                ))}
            </div>
            {sorted.length > FIRST && (
                <button type="button" class="link-button" onClick={() => setAll(!all)}>
                    {t(all ? 'lifeline.fewer' : 'citizen.more_results', { n: sorted.length - FIRST })}
                </button>
            )}
        </section>
    );
}

/** Names of results that come with a code alone. */
export const resultName = (r: { code: string | null; name: string | null }): string =>
    tOr(`result.${r.code}`) ?? r.name ?? r.code ?? '—';

export const isOutside = (r: Result, v: number): boolean => (r.high !== null && v > r.high) || (r.low !== null && v < r.low);

function Multiple({ r }: { r: Result }): JSX.Element {
    const [open, setOpen] = useState(false);
    const last = r.points[r.points.length - 1]!;
    const before = r.points[r.points.length - 2];
    const outside = isOutside(r, last[1]);
    return (
        <div class={`multiple ${open ? 'open' : ''}`}>
            <button type="button" aria-expanded={open} onClick={() => setOpen(!open)}>
                <span class="multiple-name">{resultName(r)}</span>
                <span class="multiple-value">
                    {outside && <StateMark state="watch" />}
                    <b>{measure(last[1])}</b> {r.unit}
                    {outside && <span class="sr">{t('citizen.outside')}</span>}
                </span>
                <span class="quiet">
                    {date(last[0])}
                    {before && ` · ${t('citizen.was', { value: measure(before[1]) })}`}
                </span>
            </button>
            <Trend r={r} big={open} />
            {open && (
                <div class="scroll" tabIndex={0} role="region" aria-label={resultName(r)}>
                    <NumberTable
                        caption={resultName(r)}
                        model={{
                            columns: [{ title: t('word.time') }, { title: r.unit ?? t('word.value'), kind: 'number' }],
                            rows: [...r.points].reverse().map(([time, v]) => [dateTime(time), measure(v)]),
                        }}
                    />
                </div>
            )}
        </div>
    );
}

function Trend({ r, big }: { r: Result; big: boolean }): JSX.Element {
    const [ref, width] = useWidth<HTMLDivElement>(200);
    const height = big ? 140 : 44;
    const pad = big ? { left: 40, right: 10, top: 8, bottom: 20 } : { left: 4, right: 6, top: 5, bottom: 5 };
    const times = r.points.map(([time]) => Date.parse(time));
    const values = r.points.map(([, v]) => v);
    const low = Math.min(...values, r.low ?? Infinity);
    const high = Math.max(...values, r.high ?? -Infinity);
    const room = (high - low || Math.abs(high) || 1) * 0.12;
    const [t0, t1] = [Math.min(...times), Math.max(...times)];
    const x = (time: number): number => pad.left + (t1 === t0 ? 0.5 : (time - t0) / (t1 - t0)) * (width - pad.left - pad.right);
    const y = (v: number): number => pad.top + (1 - (v - low + room) / (high - low + 2 * room)) * (height - pad.top - pad.bottom);
    const line = r.points.map(([, v], i) => `${i ? 'L' : 'M'}${x(times[i]!).toFixed(1)} ${y(v).toFixed(1)}`).join('');
    const many = r.points.length > 40 && !big;
    return (
        <div class="chart" ref={ref}>
            <svg viewBox={`0 0 ${width} ${height}`} width="100%" height={`${height / 16}rem`} role="img" aria-label={`${resultName(r)}: ${t('citizen.values', { n: num(r.points.length) })}`}>
                {(r.low !== null || r.high !== null) && (
                    <rect class="reference" x={pad.left} width={Math.max(0, width - pad.left - pad.right)} y={y(r.high ?? high + room)} height={Math.max(0, y(r.low ?? low - room) - y(r.high ?? high + room))} />
                )}
                {big &&
                    ticksBetween(low - room, high + room).map((v) => (
                        <g>
                            <line class="grid" x1={pad.left} x2={width - pad.right} y1={y(v)} y2={y(v)} />
                            <text class="axis" x={pad.left - 5} y={y(v) + 4} text-anchor="end">
                                {measure(v)}
                            </text>
                        </g>
                    ))}
                {big && (
                    <g>
                        <text class="axis" x={pad.left} y={height - 4}>
                            {date(r.points[0]![0])}
                        </text>
                        <text class="axis" x={width - pad.right} y={height - 4} text-anchor="end">
                            {date(r.points[r.points.length - 1]![0])}
                        </text>
                    </g>
                )}
                <path class="trend" d={line} />
                {r.points.map(([time, v], i) =>
                    many && i < r.points.length - 1 ? null : (
                        <circle
                            class={`dot ${isOutside(r, v) ? 'outside' : ''} ${i === r.points.length - 1 ? 'last' : ''}`}
                            cx={x(times[i]!)}
                            cy={y(v)}
                            r={i === r.points.length - 1 ? 3.2 : 2}
                            {...(tipOn(`${measure(v)} ${r.unit ?? ''}`, [dateTime(time)]) as object)}
                        />
                    ),
                )}
            </svg>
        </div>
    );
}
