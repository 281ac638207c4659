// Sparklines: a line of days, or bars of weeks. The numbers stand in the tile's table.
import type { JSX } from 'preact';

interface SparkProps {
    values: number[];
    width?: number;
    height?: number;
}

export function SparkLine({ values, width = 120, height = 32 }: SparkProps): JSX.Element {
    const max = Math.max(1, ...values);
    const x = (i: number): number => 2 + (i * (width - 6)) / Math.max(1, values.length - 1);
    const y = (v: number): number => height - 3 - (v / max) * (height - 7);
    const line = values.map((v, i) => `${i ? 'L' : 'M'}${x(i).toFixed(1)} ${y(v).toFixed(1)}`).join('');
    const last = values.length - 1;
    return (
        <svg class="spark" viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" aria-hidden="true">
            <path class="spark-area" d={`${line}L${x(last)} ${height}L${x(0)} ${height}Z`} />
            <path class="spark-line" d={line} vector-effect="non-scaling-stroke" />
        </svg>
    );
}

export function SparkBars({ values, width = 72, height = 20 }: SparkProps): JSX.Element {
    const max = Math.max(1, ...values);
    const w = width / values.length;
    return (
        <svg class="sparkbars" viewBox={`0 0 ${width} ${height}`} width={width} height={height} aria-hidden="true">
            {values.map((v, i) => {
                const h = v === 0 ? 0 : Math.max(1, (v / max) * height);
                return (
                    <rect
                        x={i * w + 0.5}
                        y={height - h}
                        width={w - 1.5}
                        height={h}
                        class={i === values.length - 1 ? 'bar-now' : 'bar-past'}
                    />
                );
            })}
        </svg>
    );
}
