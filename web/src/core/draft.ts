// A visit's claim under repair: its tables as the server has them, edits on top, and where findings stand.
// Records are numbered from 1; numbers stay while records are taken away.
import { lang } from './i18n';

export interface ClaimField {
    field: string;
    vi: string;
    en: string;
    kind: 'text' | 'number' | 'decimal' | 'day' | 'time';
    size: number;
    digits: number;
    required: boolean;
    multi: boolean;
}
export interface ClaimTable {
    table: string;
    fields: ClaimField[];
}
export type Weight = 'refuses' | 'blocks' | 'warns' | 'informs';
export interface Finding {
    rule: string;
    weight: Weight;
    table: string;
    record: number;
    field: string;
    value?: string;
    vi: string;
    en: string;
    fix_vi?: string;
    fix_en?: string;
    law?: string;
}
export interface Check {
    day: string | null;
    refuses: number;
    blocks: number;
    warns: number;
    informs: number;
    more: number;
    findings: Finding[];
    not_checked: string[];
}
export type Tables = Record<string, string[][]>;
export interface ClaimVisit {
    id: string;
    patient: string;
    facility: string;
    facility_name: string;
    ma_lk: string;
    made: string;
    version: number;
    written: string;
    mark: string;
    tables: Tables;
    check?: Check;
}

export interface Place {
    table: string;
    record: number;
    field: string;
}
/** Edits by place; `gone`: records that are taken away, "XML3|4". */
export interface Draft {
    edits: ReadonlyMap<string, string>;
    gone: ReadonlySet<string>;
}
export interface Edit {
    table: string;
    record: number;
    field?: string;
    value?: string;
    remove?: boolean;
}

export const EMPTY: Draft = { edits: new Map(), gone: new Set() };
export const keyOf = (p: Place): string => `${p.table}|${p.record}|${p.field}`;
export const recordKey = (table: string, record: number): string => `${table}|${record}`;
export const isEmpty = (d: Draft): boolean => d.edits.size === 0 && d.gone.size === 0;

export function placeOf(key: string): Place {
    const [table = '', record = '0', field = ''] = key.split('|');
    return { table, record: Number(record), field };
}

/** As the server takes them; records go last, so that numbers hold. */
export function editsOf(d: Draft): Edit[] {
    const list: Edit[] = [...d.edits].map(([key, value]) => ({ ...placeOf(key), value }));
    for (const key of d.gone) {
        const { table, record } = placeOf(key);
        list.push({ table, record, remove: true });
    }
    return list;
}

export const fieldIndex = (t: ClaimTable | undefined, field: string): number => t?.fields.findIndex((f) => f.field === field) ?? -1;

/** What the server has there. */
export function storedAt(tables: Tables, t: ClaimTable | undefined, record: number, field: string): string {
    const i = fieldIndex(t, field);
    return (t && tables[t.table]?.[record - 1]?.[i]) ?? '';
}

/** The draft with one more value; what is typed back to the stored value is no edit. */
export function withEdit(d: Draft, p: Place, value: string, stored: string): Draft {
    const edits = new Map(d.edits);
    if (value === stored) edits.delete(keyOf(p));
    else edits.set(keyOf(p), value);
    return { ...d, edits };
}

export function withGone(d: Draft, table: string, record: number, gone: boolean): Draft {
    const set = new Set(d.gone);
    if (gone) set.add(recordKey(table, record));
    else set.delete(recordKey(table, record));
    return { ...d, gone: set };
}

/** Edits that still differ from what is stored now (somebody else may have saved). */
export function rebase(d: Draft, tables: Tables, schema: ClaimTable[]): Draft {
    const edits = new Map<string, string>();
    for (const [key, value] of d.edits) {
        const p = placeOf(key);
        const t = schema.find((x) => x.table === p.table);
        if (t && tables[p.table]?.[p.record - 1] && storedAt(tables, t, p.record, p.field) !== value) edits.set(key, value);
    }
    const gone = new Set([...d.gone].filter((key) => tables[placeOf(key).table]?.[placeOf(key).record - 1]));
    return { edits, gone };
}

/** A check counts the records that are left: their numbers here. */
export function numberHere(d: Draft, table: string, left: number): number {
    let record = left;
    for (const n of [...d.gone].map(placeOf).filter((p) => p.table === table).map((p) => p.record).sort((a, b) => a - b)) {
        if (n <= record) record++;
    }
    return record;
}

/** Findings by place; what has no field stands at its record, what has no record at the visit ("||"). */
export function findingsByPlace(findings: Finding[], d: Draft): Map<string, Finding[]> {
    const map = new Map<string, Finding[]>();
    for (const f of findings) {
        const record = f.record > 0 ? numberHere(d, f.table, f.record) : 0;
        const key = record > 0 ? keyOf({ table: f.table, record, field: f.field }) : f.table && f.field ? keyOf({ table: f.table, record: 1, field: f.field }) : '||';
        const list = map.get(key);
        if (list) list.push(f);
        else map.set(key, [f]);
    }
    return map;
}

export const WEIGHTS: readonly Weight[] = ['refuses', 'blocks', 'warns', 'informs'];
export const heavier = (a: Weight, b: Weight): number => WEIGHTS.indexOf(a) - WEIGHTS.indexOf(b);

/** Places with findings in the order of the tables on the screen; what must be repaired first within a record. */
export function placesInOrder(map: Map<string, Finding[]>, schema: ClaimTable[]): string[] {
    const rank = (key: string): number[] => {
        const p = placeOf(key);
        const t = schema.findIndex((x) => x.table === p.table);
        return [p.table === '' ? -1 : t, p.record, fieldIndex(schema[t], p.field)];
    };
    return [...map.keys()].sort((a, b) => {
        const x = rank(a);
        const y = rank(b);
        return (x[0] ?? 0) - (y[0] ?? 0) || (x[1] ?? 0) - (y[1] ?? 0) || (x[2] ?? 0) - (y[2] ?? 0);
    });
}

export interface Difference extends Place {
    before: string;
    after: string;
}
/** What differs between two states of the tables, record by record; a record that only one has shows in its fields. */
export function differences(before: Tables, after: Tables, schema: ClaimTable[]): Difference[] {
    const list: Difference[] = [];
    for (const t of schema) {
        const a = before[t.table] ?? [];
        const b = after[t.table] ?? [];
        for (let r = 0; r < Math.max(a.length, b.length); r++) {
            t.fields.forEach((f, i) => {
                const x = a[r]?.[i] ?? '';
                const y = b[r]?.[i] ?? '';
                if (x !== y) list.push({ table: t.table, record: r + 1, field: f.field, before: x, after: y });
            });
        }
    }
    return list;
}

export const sayOf = (f: { vi: string; en: string }): string => (lang() === 'vi' ? f.vi : f.en);
export const fixOf = (f: Finding): string => (lang() === 'vi' ? f.fix_vi : f.fix_en) ?? '';

/** yyyyMMddHHmm as people read it; anything else stays. */
export function readable(f: ClaimField, value: string): string {
    const m = /^(\d{4})(\d\d)(\d\d)(?:(\d\d)(\d\d))?$/.exec(value);
    if (!m || (f.kind !== 'day' && f.kind !== 'time' && !/^(GT_THE|NGAY_MIEN)/.test(f.field))) return value;
    const day = `${m[3]}/${m[2]}/${m[1]}`;
    return m[4] && !(f.field === 'NGAY_SINH' && m[4] + m[5] === '0000') ? `${m[4]}:${m[5]} ${day}` : day;
}
