// For which days a drug was prescribed. Claim files tell the day and often for how many days; what
// was left over from an earlier prescription is not known, so overlaps simply join.
const DAY = 86400000;

export interface Supply {
    from: number; // midnight in Vietnam, milliseconds
    to: number; // end of the last day; equal to `from` where the dose does not say how long
}

/** Spans without a gap between them, oldest first. */
export function supplies(given: [string, number][]): Supply[] {
    const list: Supply[] = [];
    for (const [day, days] of given) {
        const from = Date.parse(`${day}T00:00:00+07:00`);
        const to = from + days * DAY;
        const last = list[list.length - 1];
        if (last && from <= last.to) last.to = Math.max(last.to, to);
        else list.push({ from, to });
    }
    return list;
}

/** Gaps of more than `least` days between supplies whose length is known. */
export function gaps(list: Supply[], least = 7): { n: number; longest: number } {
    let n = 0;
    let longest = 0;
    for (let i = 1; i < list.length; i++) {
        const before = list[i - 1]!;
        const days = Math.round((list[i]!.from - before.to) / DAY);
        if (before.to === before.from || days <= least) continue;
        n++;
        longest = Math.max(longest, days);
    }
    return { n, longest };
}
