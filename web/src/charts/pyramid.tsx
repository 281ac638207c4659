// Age and sex: men to the left, women to the right, one bar a band of five years.
import type { JSX } from 'preact';
import type { Band } from '../core/api';
import { num } from '../core/format';
import { t } from '../core/i18n';
import { useRoving } from './roving';
import { ticks } from './scale';
import { useWidth } from './size';
import { tipOn } from './tip';

interface Props {
    bands: Band[];
    age: string | null;
    sex: string | null;
    choose?: (age: string, sex: '1' | '2') => void;
    title: string;
}
const MIDDLE = 46;
const TOP = 22;
const BOTTOM = 20;

export function Pyramid({ bands, age, sex, choose, title }: Props): JSX.Element {
    const [ref, width, height] = useWidth<HTMLDivElement>(320);
    const h = Math.max(height, 220);
    const steps = ticks(Math.max(1, ...bands.map((b) => Math.max(b.male, b.female))), 2);
    const top = steps[steps.length - 1] ?? 1;
    const half = (width - MIDDLE) / 2 - 2;
    const row = (h - TOP - BOTTOM) / Math.max(1, bands.length);
    const list = [...bands].reverse().flatMap((b) => [
        { age: b.age, sex: '1' as const, n: b.male },
        { age: b.age, sex: '2' as const, n: b.female },
    ]);
    const step = (i: number, key: string): number => {
        if (key === 'ArrowUp') return i - 2;
        if (key === 'ArrowDown') return i + 2;
        if (key === 'ArrowLeft') return i - (i % 2);
        if (key === 'ArrowRight') return i + 1 - (i % 2);
        return i;
    };
    const rove = useRoving(list.length, (i) => list[i] && choose?.(list[i].age, list[i].sex), step);
    const x = (n: number): number => (n / top) * half;
    return (
        <div class="chart" ref={ref} data-chart>
            <svg viewBox={`0 0 ${width} ${h}`} role="group" aria-label={title}>
                <g aria-hidden="true">
                    <text class="axis strong" x={half - 4} y={14} text-anchor="end">
                        {t('sex.male')}
                    </text>
                    <text class="axis strong" x={half + MIDDLE + 4} y={14}>
                        {t('sex.female')}
                    </text>
                    {steps.slice(1).map((v) => (
                        <g>
                            <line class="grid" x1={half - x(v) + 0.5} x2={half - x(v) + 0.5} y1={TOP} y2={h - BOTTOM} />
                            <line class="grid" x1={half + MIDDLE + x(v) - 0.5} x2={half + MIDDLE + x(v) - 0.5} y1={TOP} y2={h - BOTTOM} />
                        </g>
                    ))}
                    <text class="axis" x={1} y={h - 5}>
                        {num(top)}
                    </text>
                    <text class="axis" x={half + MIDDLE / 2} y={h - 5} text-anchor="middle">
                        0
                    </text>
                    <text class="axis" x={width - 1} y={h - 5} text-anchor="end">
                        {num(top)}
                    </text>
                </g>
                {list.map((b, i) => {
                    const k = Math.floor(i / 2);
                    const y = TOP + k * row;
                    const man = b.sex === '1';
                    const chosen = (age === null || age === b.age) && (sex === null || sex === b.sex);
                    return (
                        <g
                            key={b.age + b.sex}
                            {...(choose ? rove(i) : {})}
                            {...tipOn(`${t(man ? 'sex.male' : 'sex.female')}, ${t('age.band', { band: b.age })}`, [t('chart.visits', { n: num(b.n) })])}
                            role={choose ? 'button' : undefined}
                            aria-pressed={choose ? age === b.age && sex === b.sex : undefined}
                            aria-label={choose ? `${t(man ? 'sex.male' : 'sex.female')} ${b.age}: ${num(b.n)}` : undefined}
                            class={chosen ? 'mark-g' : 'mark-g faded'}
                        >
                            <rect class="hit" x={man ? 0 : half + MIDDLE} y={y} width={half} height={row} />
                            <rect class={man ? 'bar' : 'bar second'} x={man ? half - x(b.n) : half + MIDDLE} y={y + 0.75} width={x(b.n)} height={Math.max(1, row - 1.5)} />
                        </g>
                    );
                })}
                <g aria-hidden="true">
                    {[...bands].reverse().map((b, k) =>
                        row > 12 || k % 2 === 0 ? (
                            <text class="axis" x={half + MIDDLE / 2} y={TOP + k * row + row / 2 + 4} text-anchor="middle">
                                {b.age.replace('-', '–')}
                            </text>
                        ) : null,
                    )}
                </g>
            </svg>
        </div>
    );
}
