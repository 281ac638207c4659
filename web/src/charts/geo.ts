// GeoJSON boundaries to SVG paths, fitted into a box. Longitudes are narrowed by the cosine of the
// middle latitude: over one province nobody sees the difference to a real projection.
type Ring = [number, number][];
interface Feature {
    id?: string | number;
    properties?: Record<string, unknown> | null;
    geometry: { type: string; coordinates: unknown } | null;
}
export interface GeoJson {
    type: string;
    features: Feature[];
}

const CODE_NAMES = ['code', 'ma_xa', 'maxa', 'MAXA', 'ma', 'ward_code', 'id'];

function codeOf(f: Feature): string {
    for (const name of CODE_NAMES) {
        const v = f.properties?.[name];
        if (v !== undefined && v !== null) return String(v).padStart(5, '0');
    }
    return f.id === undefined ? '' : String(f.id).padStart(5, '0');
}

function ringsOf(f: Feature): Ring[] {
    if (f.geometry?.type === 'Polygon') return f.geometry.coordinates as Ring[];
    if (f.geometry?.type === 'MultiPolygon') return (f.geometry.coordinates as Ring[][]).flat();
    return [];
}

/** Path of each commune by its code. */
export function fit(geo: GeoJson, width: number, height: number): Map<string, string> {
    let [west, south, east, north] = [Infinity, Infinity, -Infinity, -Infinity];
    for (const f of geo.features)
        for (const ring of ringsOf(f))
            for (const [lon, lat] of ring) {
                west = Math.min(west, lon);
                east = Math.max(east, lon);
                south = Math.min(south, lat);
                north = Math.max(north, lat);
            }
    const narrow = Math.cos((((south + north) / 2) * Math.PI) / 180);
    const scale = Math.min(width / ((east - west) * narrow), height / (north - south));
    const left = (width - (east - west) * narrow * scale) / 2;
    const top = (height - (north - south) * scale) / 2;
    const point = ([lon, lat]: [number, number]): string =>
        `${(left + (lon - west) * narrow * scale).toFixed(1)} ${(top + (north - lat) * scale).toFixed(1)}`;
    const paths = new Map<string, string>();
    for (const f of geo.features) {
        const d = ringsOf(f).map((ring) => `M${ring.map(point).join('L')}Z`);
        paths.set(codeOf(f), (paths.get(codeOf(f)) ?? '') + d.join(''));
    }
    return paths;
}
