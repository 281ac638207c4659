// The communes: real boundaries where the server has them, else a tile for each commune in about
// its place. Five classes of one hue, light to dark; a commune without visits is hatched.
import type { JSX, SVGAttributes } from 'preact';
import { num, change, percent } from '../core/format';
import type { Ward } from '../core/api';
import { lang, t } from '../core/i18n';
import { useRoving } from './roving';
import { classes, classOf } from './scale';
import { useWidth } from './size';
import { tipOn } from './tip';
import { fit, type GeoJson } from './geo';

interface Props {
    wards: Ward[];
    chosen: string | null;
    choose?: (code: string) => void;
    title: string;
    geo?: GeoJson | undefined;
    least?: number; // counts below it are not told (walls)
}

const label = (w: Ward): string => (lang() === 'en' ? w.name_en : w.name);

/** A commune's name on at most two lines. */
function twoLines(name: string): [string, string?] {
    const parts = name.split(' - ');
    if (parts.length === 2) return [parts[0]!, parts[1]!];
    const words = name.split(' ');
    const last = words.pop()!;
    return words.length > 0 ? [words.join(' '), last] : [last];
}

const initials = (name: string): string =>
    name
        .split(/[ -]+/)
        .map((w) => w[0])
        .join('')
        .slice(0, 3);

/** The nearest ward in the arrow's direction. */
function stepOn(wards: Ward[]): (i: number, key: string) => number {
    const arrows: Record<string, [number, number]> = {
        ArrowLeft: [-1, 0],
        ArrowRight: [1, 0],
        ArrowUp: [0, -1],
        ArrowDown: [0, 1],
    };
    return (i, key) => {
        const a = arrows[key];
        const from = wards[i];
        if (!a || !from) return i;
        let best = i;
        let least = Infinity;
        wards.forEach((w, k) => {
            const dx = w.column - from.column;
            const dy = w.row - from.row;
            const along = dx * a[0] + dy * a[1];
            const across = Math.abs(dx * a[1]) + Math.abs(dy * a[0]);
            if (along > 0 && along + across * 2.5 < least) {
                least = along + across * 2.5;
                best = k;
            }
        });
        return best;
    };
}

export function WardMap(props: Props): JSX.Element {
    const { wards, chosen, choose, title, geo, least = 0 } = props;
    const [ref, width, height] = useWidth<HTMLDivElement>(480);
    // What is not told is one class: its colour says no more than "below".
    const shown = (n: number): number => (n > 0 && n < least ? least - 1 : n);
    const bounds = classes(wards.map((w) => shown(w.visits)));
    const rove = useRoving(wards.length, (i) => wards[i] && choose?.(wards[i].code), stepOn(wards));
    const h = Math.max(height, 200);
    const mark = (w: Ward, i: number): SVGAttributes<SVGGElement> => {
        const told = w.visits > 0 && w.visits < least ? `<${least}` : num(w.visits);
        const before = least > 0 && Math.min(w.visits, w.previous) < least ? null : change(w.visits, w.previous);
        return {
            ...(choose ? (rove(i) as object) : {}),
            ...tipOn(label(w), [t('chart.visits', { n: told }), `${t('chart.before')}: ${percent(before)}`]),
            role: choose ? 'button' : undefined,
            'aria-pressed': choose ? chosen === w.code : undefined,
            'aria-label': choose ? `${label(w)}: ${told}` : undefined,
            class: `mark-g ward ${w.visits === 0 ? 'none' : `c${classOf(shown(w.visits), bounds)}`} ${chosen === w.code ? 'chosen' : chosen ? 'faded' : ''}`,
        } as SVGAttributes<SVGGElement>;
    };
    return (
        <div class="mapbox">
            <div class="chart" ref={ref} data-chart>
                <svg viewBox={`0 0 ${width} ${h}`} role="group" aria-label={title}>
                    <defs>
                        <pattern id="hatch-none" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
                            <rect width="6" height="6" class="none-ground" />
                            <rect width="1.500" height="6" class="none-line" />
                        </pattern>
                    </defs>
                    {geo ? (
                        <Boundaries wards={wards} geo={geo} width={width} height={h} mark={mark} />
                    ) : (
                        <Tiles wards={wards} width={width} height={h} mark={mark} least={least} />
                    )}
                </svg>
            </div>
            <Legend bounds={bounds} />
        </div>
    );
}

type Mark = (w: Ward, i: number) => SVGAttributes<SVGGElement>;

function Tiles(p: { wards: Ward[]; width: number; height: number; mark: Mark; least: number }): JSX.Element {
    const columns = Math.max(...p.wards.map((w) => w.column), 0) + 1;
    const rows = Math.max(...p.wards.map((w) => w.row), 0) + 1;
    const cw = Math.min(p.width / columns, 96);
    const ch = Math.min(p.height / rows, cw * 1.15);
    const left = (p.width - cw * columns) / 2;
    const top = (p.height - ch * rows) / 2;
    const small = cw < 38 || ch < 27;
    const size = small ? 10.5 : Math.min(13, Math.max(10.5, cw / 4.3));
    return (
        <g>
            {p.wards.map((w, i) => {
                const x = left + w.column * cw;
                const y = top + w.row * ch;
                const names = small ? [initials(label(w))] : twoLines(label(w));
                const withNumber = ch >= size * 3.7;
                const longest = Math.max(...names.map((n) => n?.length ?? 0));
                const fitted = Math.min(size, Math.max(8.5, (cw - 5) / (longest * 0.6)));
                const all = [...names, ...(withNumber ? [w.visits > 0 && w.visits < p.least ? `<${p.least}` : num(w.visits)] : [])];
                const first = y + ch / 2 - ((all.length - 1) * size * 1.14) / 2 + size * 0.36;
                return (
                    <g key={w.code}>
                        <g {...p.mark(w, i)}>
                            <rect class="area" x={x + 1} y={y + 1} width={cw - 2} height={ch - 2} rx="3" />
                        </g>
                        <g class={p.mark(w, i).class} aria-hidden="true">
                            {all.map((text, k) => (
                                <text class={k >= names.length ? 'tile-number' : 'tile-name'} x={x + cw / 2} y={first + k * size * 1.14} text-anchor="middle" font-size={k >= names.length ? size : fitted}>
                                    {text}
                                </text>
                            ))}
                        </g>
                    </g>
                );
            })}
        </g>
    );
}

function Boundaries(p: { wards: Ward[]; geo: GeoJson; width: number; height: number; mark: Mark }): JSX.Element {
    const paths = fit(p.geo, p.width, p.height);
    return (
        <g>
            {p.wards.map((w, i) => (
                <g key={w.code} {...p.mark(w, i)}>
                    <path class="area" d={paths.get(w.code) ?? ''} />
                </g>
            ))}
        </g>
    );
}

const range = (from: number, to: number): string => (from === to ? num(to) : `${num(from)}–${num(to)}`);

function Legend({ bounds }: { bounds: number[] }): JSX.Element {
    return (
        <div class="legend" aria-hidden="true">
            {bounds.map((b, i) => (
                <span>
                    <i class={`swatch c${i}`} />
                    {range((bounds[i - 1] ?? 0) + 1, b)}
                </span>
            ))}
            <span>
                <i class="swatch none" />
                {t('map.none')}
            </span>
        </div>
    );
}
