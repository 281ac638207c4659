// One value for another in many visits: what would change is shown first; what was done is undone as a whole.
import type { JSX } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { asFailure, askJson, type Failure, useAsk } from '../core/api';
import { filterOf, type RuleCount } from '../core/claims';
import { type ClaimTable, sayOf } from '../core/draft';
import { dateTime, num } from '../core/format';
import { t } from '../core/i18n';
import { usePlace } from '../core/router';
import { Problem } from '../ui/parts';
import { Side } from '../ui/side';
import { askFor, undoable, who, WhoField } from '../ui/undo';
import { claimTables } from './repair';

interface Plan {
    digest: string;
    visits: number;
    values: number;
    looked: number;
    refused: number;
    held: number;
    held_after: number;
    cut: boolean;
    examples: { id: string; ma_lk: string; name: string; facility: string; before: string; values: number; blocks: number; blocks_after: number }[];
}
interface FixRow {
    id: string;
    status: string;
    who: string;
    time: string;
    table?: string;
    field?: string;
    match?: string;
    value?: string;
    visits: number;
}

export function FixPanel({ changed, close }: { changed: () => void; close: () => void }): JSX.Element {
    const { query } = usePlace();
    const filter = filterOf(query);
    const rules = useAsk<{ rules: RuleCount[] }>(query.get('rule') ? `/api/claims/rules?${filterOf(query, ['facility', 'from', 'to', 'rule'])}` : null);
    const rule = rules.data?.rules.find((r) => r.rule === query.get('rule'));
    const [schema, setSchema] = useState<ClaimTable[]>([]);
    const [table, setTable] = useState('XML1');
    const [field, setField] = useState('');
    const byHand = useRef(false); // what a person chose is not changed by a late answer
    const [any, setAny] = useState(false);
    const [match, setMatch] = useState('');
    const [value, setValue] = useState('');
    const [plan, setPlan] = useState<Plan | null>(null);
    const [busy, setBusy] = useState(false);
    const [failure, setFailure] = useState<Failure | null>(null);
    const [done, setDone] = useState(0);
    const fixes = useAsk<{ fixes: FixRow[] }>('/api/claims/fixes', done);
    const fields = schema.find((s) => s.table === table)?.fields.filter((f) => f.field !== 'MA_LK' && f.field !== 'STT') ?? [];
    useEffect(() => {
        claimTables().then(setSchema, (e: unknown) => setFailure(asFailure(e)));
    }, []);
    useEffect(() => {
        if (!rule?.field || byHand.current) return;
        setTable(rule.table);
        setField(rule.field);
    }, [rule?.rule]);
    useLayoutEffect(() => {
        const before = document.activeElement;
        document.getElementById('fix-table')?.focus();
        return () => (before instanceof HTMLElement && before !== document.body && before.isConnected ? before : document.getElementById('main'))?.focus();
    }, []);
    useEffect(() => setPlan(null), [filter, table, field, any, match, value]);
    const chosen = fields.some((f) => f.field === field) ? field : (fields[0]?.field ?? '');
    const send = async <T,>(path: string, more: object): Promise<T | undefined> => {
        setBusy(true);
        setFailure(null);
        try {
            return await askJson<T>(path, { method: 'POST', body: JSON.stringify({ ...Object.fromEntries(new URLSearchParams(filter)), table, field: chosen, match: any ? null : match, value, ...more }) });
        } catch (e) {
            setFailure(asFailure(e));
            return undefined;
        } finally {
            setBusy(false);
        }
    };
    const undo = async (id: string): Promise<void> => {
        if (!who.value.trim()) return askFor('who-fix');
        await askJson(`/api/claims/fixes/${encodeURIComponent(id)}/undo`, { method: 'POST', body: JSON.stringify({ who: who.value.trim() }) });
        setDone((n) => n + 1);
        changed();
    };
    const run = async (): Promise<void> => {
        if (!plan) return;
        if (!who.value.trim()) {
            askFor('who-fix');
            return;
        }
        const answer = await send<{ id: string; done: number; skipped: number }>('/api/claims/fixes', { who: who.value.trim(), digest: plan.digest });
        if (!answer) return;
        setPlan(null);
        setDone((n) => n + 1);
        undoable({ text: t('fix.done', { n: num(answer.done), skipped: num(answer.skipped) }), undo: () => undo(answer.id) });
        changed();
    };
    return (
        <Side title={t('fix.title')} kind="fix" close={close}>
            <p class="quiet">{t('fix.what')}</p>
            <form
                onSubmit={(e) => {
                    e.preventDefault();
                    void send<Plan>('/api/claims/fixes/preview', {}).then((p) => p && setPlan(p));
                }}
            >
                <label>
                    <span>{t('fix.table')}</span>
                    <select id="fix-table" value={table} onChange={(e) => ((byHand.current = true), setTable(e.currentTarget.value))}>
                        {schema.map((s) => (
                            <option>{s.table}</option>
                        ))}
                    </select>
                </label>
                <label>
                    <span>{t('fix.field')}</span>
                    <select value={chosen} onChange={(e) => ((byHand.current = true), setField(e.currentTarget.value))}>
                        {fields.map((f) => (
                            <option value={f.field}>{`${f.field} · ${sayOf(f)}`}</option>
                        ))}
                    </select>
                </label>
                <label>
                    <span>{t('fix.match')}</span>
                    <input value={any ? '' : match} disabled={any} autocomplete="off" onInput={(e) => setMatch(e.currentTarget.value)} />
                </label>
                <label class="check">
                    <input type="checkbox" checked={any} onChange={(e) => setAny(e.currentTarget.checked)} /> <span>{t('fix.any')}</span>
                </label>
                <label>
                    <span>{t('fix.value')}</span>
                    <input value={value} autocomplete="off" onInput={(e) => setValue(e.currentTarget.value)} />
                </label>
                <button type="submit" class="button primary" disabled={busy || !chosen}>
                    {t('fix.preview')}
                </button>
            </form>
            {busy && <p role="status">{t('state.loading')}</p>}
            {failure && <Problem failure={failure} />}
            {plan && <PlanView plan={plan} />}
            {plan && plan.visits > 0 && (
                <div class="decide">
                    <WhoField id="who-fix" />
                    <button type="button" class="button primary" disabled={busy} onClick={() => void run()}>
                        {t('fix.run', { n: num(plan.visits) })}
                    </button>
                </div>
            )}
            {(fixes.data?.fixes.length ?? 0) > 0 && (
                <section>
                    <h3>{t('fix.recent')}</h3>
                    {!(plan && plan.visits > 0) && <WhoField id="who-fix" />}
                    <ul class="differences">
                        {fixes.data?.fixes.slice(0, 10).map((f) => (
                            <li>
                                <span class="code">{`${f.table}.${f.field}`}</span> <s>{f.match || '…'}</s> → <b>{f.value || t('repair.empty')}</b> · {t('fix.visits', { n: num(f.visits) })}
                                <br />
                                <span class="quiet">
                                    {f.who} · {dateTime(f.time)} {f.status === 'cancelled' && `· ${t('undo.done')}`}
                                </span>{' '}
                                {f.status !== 'cancelled' && (
                                    <button type="button" class="link-button" disabled={busy} onClick={() => void undo(f.id).catch((e: unknown) => setFailure(asFailure(e)))}>
                                        {t('undo.undo')}
                                    </button>
                                )}
                            </li>
                        ))}
                    </ul>
                </section>
            )}
        </Side>
    );
}

function PlanView({ plan }: { plan: Plan }): JSX.Element {
    return (
        <div class="report plan" role="status">
            <p>
                <b>{t('fix.would', { values: num(plan.values), visits: num(plan.visits) })}</b>
            </p>
            {plan.visits > 0 && <p>{t('fix.held', { before: num(plan.held), after: num(plan.held_after) })}</p>}
            {plan.refused > 0 && <p>{t('fix.refused', { n: num(plan.refused) })}</p>}
            {plan.cut && <p>{t('fix.cut')}</p>}
            <ul class="issues">
                {plan.examples.slice(0, 8).map((e) => (
                    <li>
                        <a href={`/giam-dinh/${encodeURIComponent(e.id)}`}>{e.name || e.ma_lk}</a>
                        <s>{e.before || t('repair.empty')}</s>
                        <span class="quiet">{t('fix.example', { before: num(e.blocks), after: num(e.blocks_after) })}</span>
                    </li>
                ))}
            </ul>
        </div>
    );
}
