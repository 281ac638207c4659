// Round axis steps and class borders.

/** Whole steps 1, 2, 2.5, 5 × 10ⁿ from zero to at least `max`, about `n` of them. */
export function ticks(max: number, n = 4): number[] {
    if (!(max > 0)) return [0, 1];
    const rough = max / n;
    const power = 10 ** Math.floor(Math.log10(rough));
    const steps = [1, 2, 2.5, 5, 10].map((m) => m * power).filter((s) => Number.isInteger(s));
    const step = steps.find((s) => s >= rough) ?? 1;
    const list: number[] = [];
    for (let v = 0; v < max + step * 0.999; v += step) list.push(v);
    return list;
}

/** Steps inside [low, high], about `n` of them (for values that do not start at zero). */
export function ticksBetween(low: number, high: number, n = 3): number[] {
    const rough = (high - low) / n || 1;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 2.5, 5, 10].map((m) => m * power).find((s) => s >= rough) ?? rough;
    const list: number[] = [];
    for (let v = Math.ceil(low / step) * step; v <= high + step * 1e-9; v += step)
        list.push(Math.round(v / step) * step);
    return list;
}

const round2 = (v: number): number => {
    if (v < 10) return Math.round(v);
    const power = 10 ** (Math.floor(Math.log10(v)) - 1);
    return Math.round(v / power) * power;
};

/** Five classes of about equally many values each, with round borders: upper bounds. */
export function classes(values: number[]): number[] {
    const sorted = values.filter((v) => v > 0).sort((a, b) => a - b);
    if (sorted.length === 0) return [];
    const bounds: number[] = [];
    for (let k = 1; k < 5; k++) {
        const v = round2(sorted[Math.min(sorted.length - 1, Math.floor((k * sorted.length) / 5))] ?? 0);
        if (v > (bounds[bounds.length - 1] ?? 0)) bounds.push(v);
    }
    const most = sorted[sorted.length - 1] ?? 0;
    if (most > (bounds[bounds.length - 1] ?? 0)) bounds.push(most);
    return bounds;
}

export function classOf(value: number, bounds: number[]): number {
    const i = bounds.findIndex((b) => value <= b);
    return i < 0 ? bounds.length - 1 : i;
}
