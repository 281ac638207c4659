// The tables of a claim under repair: records that open, fields with what was found at them.
import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { type ClaimField, type ClaimTable, type ClaimVisit, type Draft, type Finding, heavier, keyOf, readable, recordKey, sayOf } from '../core/draft';
import { num, quantity } from '../core/format';
import { t, tOr } from '../core/i18n';
import { FindingLine, MARK } from '../ui/finding';
import { Icon, StateMark } from '../ui/icons';

export type Show = 'found' | 'filled' | 'all';
const ROWS = 100; // closed records shown at once; more when asked
const LONG = 60; // characters from which a field is a text of several lines

/** What tells one record from another, by table. */
const SUMMARY: Record<string, string[]> = {
    XML2: ['TEN_THUOC', 'HAM_LUONG', 'SO_LUONG', 'DON_GIA', 'THANH_TIEN_BH'],
    XML3: ['TEN_DICH_VU', 'TEN_VAT_TU', 'SO_LUONG', 'DON_GIA_BH', 'THANH_TIEN_BH'],
    XML4: ['TEN_CHI_SO', 'GIA_TRI', 'DON_VI_DO'],
    XML5: ['THOI_DIEM_DBLS', 'DIEN_BIEN_LS'],
};

interface Props {
    visit: ClaimVisit;
    schema: ClaimTable[];
    draft: Draft;
    map: Map<string, Finding[]>;
    show: Show;
    at: string;
    setAt: (key: string) => void;
    edit: (key: string, value: string) => void;
    remove: (table: string, record: number, gone: boolean) => void;
}

export function RepairTables(p: Props): JSX.Element {
    return (
        <>
            {p.schema.map((s) => {
                const records = p.visit.tables[s.table];
                return records && <Table key={s.table} {...p} table={s} records={records} />;
            })}
        </>
    );
}

/** The heaviest finding of each record, by number. */
function weightsOf(map: Map<string, Finding[]>, table: string): Map<number, Finding> {
    const found = new Map<number, Finding>();
    for (const [key, list] of map) {
        const [name, record] = key.split('|');
        if (name !== table) continue;
        for (const f of list) {
            const before = found.get(Number(record));
            if (!before || heavier(f.weight, before.weight) < 0) found.set(Number(record), f);
        }
    }
    return found;
}

function Table(p: Props & { table: ClaimTable; records: string[][] }): JSX.Element | null {
    const { table, records } = p;
    const [rows, setRows] = useState(ROWS);
    const found = weightsOf(p.map, table.table);
    const touched = (n: number): boolean => found.has(n) || p.at.startsWith(`${table.table}|${n}|`) || p.draft.gone.has(recordKey(table.table, n)) || [...p.draft.edits.keys()].some((k) => k.startsWith(`${table.table}|${n}|`));
    const numbers = records.map((_, i) => i + 1).filter((n) => (p.show === 'found' ? touched(n) : n <= rows || touched(n)));
    if (numbers.length === 0) return null;
    const left = p.show === 'found' ? 0 : records.length - numbers.length;
    return (
        <section class="claim-table" aria-labelledby={`table-${table.table}`}>
            <h2 id={`table-${table.table}`}>
                {tOr(`table.${table.table}`) ?? table.table} <span class="quiet code">{table.table}</span> {records.length > 1 && <span class="quiet">{num(records.length)}</span>}
            </h2>
            {numbers.map((n) => (
                <Record key={n} {...p} n={n} worst={found.get(n)} alone={records.length === 1} />
            ))}
            {left > 0 && (
                <button type="button" class="link-button" onClick={() => setRows(rows + 5 * ROWS)}>
                    {t('action.more', { n: num(left) })}
                </button>
            )}
        </section>
    );
}

function Record(p: Props & { table: ClaimTable; records: string[][]; n: number; worst: Finding | undefined; alone: boolean }): JSX.Element {
    const { table, n, worst } = p;
    const values = p.records[n - 1] ?? [];
    const gone = p.draft.gone.has(recordKey(table.table, n));
    const [turned, setTurned] = useState<{ open: boolean; at: string } | null>(null);
    const here = p.at.startsWith(`${table.table}|${n}|`);
    const open = here && turned?.at !== p.at ? undefined : turned?.open; // what is gone to opens again
    const isOpen = !gone && (open ?? (p.alone || here || (worst !== undefined && worst.weight !== 'informs')));
    const valueOf = (field: string): string => {
        const i = table.fields.findIndex((f) => f.field === field);
        return p.draft.edits.get(keyOf({ table: table.table, record: n, field })) ?? values[i] ?? '';
    };
    const said = (field: string): string => {
        const kind = table.fields.find((f) => f.field === field)?.kind;
        return kind === 'number' || kind === 'decimal' ? quantity(valueOf(field)) : valueOf(field);
    };
    const title = (SUMMARY[table.table] ?? []).map(said).filter(Boolean).join(' · ');
    const whole = p.map.get(keyOf({ table: table.table, record: n, field: '' })) ?? [];
    return (
        <div class={`claim-record ${gone ? 'gone' : ''}`}>
            {!p.alone && (
                <div class="record-head">
                    <button type="button" class="record-title" aria-expanded={isOpen} disabled={gone} onClick={() => setTurned({ open: !isOpen, at: p.at })}>
                        <Icon name={isOpen ? 'down' : 'right'} size={14} />
                        <span class="code quiet">{n}</span>
                        {worst && <StateMark state={MARK[worst.weight]} />}
                        {worst && <span class="sr">{t(`weight.${worst.weight}`)}</span>}
                        <span class="record-name">{title || t('repair.record', { n })}</span>
                    </button>
                    <button type="button" class="link-button" aria-label={t(gone ? 'repair.keep_record' : 'repair.remove_record', { n })} onClick={() => p.remove(table.table, n, !gone)}>
                        {t(gone ? 'repair.keep' : 'repair.remove')}
                    </button>
                </div>
            )}
            {isOpen && (
                <>
                    {whole.map((f) => (
                        <p id={`at-${keyOf({ table: table.table, record: n, field: '' })}`} tabIndex={-1}>
                            <FindingLine f={f} />
                        </p>
                    ))}
                    <div class="claim-fields">
                        {table.fields.map((f, i) => (
                            <Field key={f.field} {...p} f={f} stored={values[i] ?? ''} />
                        ))}
                    </div>
                </>
            )}
        </div>
    );
}

/** Width by what is expected, in steps that the style sheet knows. */
const widthOf = (f: ClaimField, value: string): string => {
    const n = Math.max(f.kind === 'time' ? 12 : f.size || 40, Math.min(value.length, LONG));
    return n <= 6 ? 'w1' : n <= 20 ? 'w2' : n <= LONG ? 'w3' : value.length > 24 ? 'w4' : 'w3';
};

function Field(p: Props & { table: ClaimTable; n: number; f: ClaimField; stored: string }): JSX.Element | null {
    const { f, stored, table, n } = p;
    const key = keyOf({ table: table.table, record: n, field: f.field });
    const edited = p.draft.edits.get(key);
    const value = edited ?? stored;
    const found = [...(p.map.get(key) ?? [])].sort((a, b) => heavier(a.weight, b.weight));
    const kept = found.length > 0 || edited !== undefined || p.at === key;
    if (p.show === 'found' ? !kept : p.show === 'filled' ? !kept && value === '' : false) return null;
    const id = `at-${key}`;
    const told = readable(f, value);
    const bad = found.some((x) => x.weight !== 'informs');
    const common = {
        id,
        value,
        spellcheck: false,
        autocomplete: 'off',
        readOnly: f.field === 'MA_LK',
        'aria-invalid': bad || undefined,
        'aria-describedby': found.length > 0 || edited !== undefined ? `${id}-say` : undefined,
        onFocus: () => p.at !== key && p.setAt(key),
    };
    return (
        <div class={`claim-field ${widthOf(f, value)} ${bad ? (found[0]?.weight ?? '') : ''} ${edited === undefined ? '' : 'changed'}`}>
            <label for={id}>
                {sayOf(f)} <span class="code quiet">{f.field}</span>
            </label>
            {stored.length > LONG || (f.size === 0 && value.length > LONG) ? (
                <textarea {...common} rows={2} onInput={(e) => p.edit(key, e.currentTarget.value)} />
            ) : (
                <input {...common} inputMode={f.kind === 'number' || f.kind === 'day' || f.kind === 'time' ? 'numeric' : f.kind === 'decimal' ? 'decimal' : undefined} onInput={(e) => p.edit(key, e.currentTarget.value)} />
            )}
            {told !== value && <span class="hint quiet">{told}</span>}
            <div id={`${id}-say`}>
                {found.map((x) => (
                    <p>
                        <FindingLine f={x} />
                    </p>
                ))}
                {edited !== undefined && (
                    <p class="before">
                        {t('repair.before')} <s>{readable(f, stored) || t('repair.empty')}</s>{' '}
                        <button type="button" class="link-button" aria-label={t('repair.restore', { what: sayOf(f) })} onClick={() => p.edit(key, stored)}>
                            {t('undo.undo')}
                        </button>
                    </p>
                )}
            </div>
        </div>
    );
}
