// The repair of one visit's claim: its tables with findings at their fields, beside them what the record
// says and what the claim said before. Every keystroke is checked by the server; saving makes a new version.
import type { JSX } from 'preact';
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { askJson, asFailure, Failure, useAsk } from '../core/api';
import { type Check, type ClaimTable, type ClaimVisit, type Draft, EMPTY, editsOf, type Finding, findingsByPlace, heavier, isEmpty, placeOf, placesInOrder, rebase, storedAt, withEdit, withGone } from '../core/draft';
import { dateTime, num } from '../core/format';
import { t, tOr } from '../core/i18n';
import { useKeys } from '../core/keys';
import { go } from '../core/router';
import { StateMark } from '../ui/icons';
import { FindingLine } from '../ui/finding';
import { Problem } from '../ui/parts';
import { askFor, undoable, who, WhoField } from '../ui/undo';
import { RepairTables, type Show } from './repair_tables';
import { RepairSide } from './repair_side';
import { workList } from './worklist';

const WAIT_MS = 120;

let known: Promise<ClaimTable[]> | undefined; // the same for all visits, as long as the page is loaded

/** Fields of the tables; asked once. */
export function claimTables(): Promise<ClaimTable[]> {
    known ??= askJson<{ tables: ClaimTable[] }>('/api/claims/tables').then(
        (answer) => answer.tables,
        (e: unknown) => {
            known = undefined;
            throw e;
        },
    );
    return known;
}

// What was edited and not saved, for as long as the page is loaded: leaving a visit loses nothing.
// It is kept nowhere else, because it names a patient.
const drafts = new Map<string, Draft>();

export function RepairScreen({ id }: { id: string }): JSX.Element {
    const asked = useAsk<ClaimVisit>(`/api/visits/${encodeURIComponent(id)}/claim`);
    const [schema, setSchema] = useState<ClaimTable[]>([]);
    const [failure, setFailure] = useState<Failure | null>(null);
    useEffect(() => {
        document.title = `${asked.data?.ma_lk ?? ''} · ${t('nav.claims')} · Nhịp`;
    });
    useEffect(() => {
        claimTables().then(setSchema, (e: unknown) => setFailure(asFailure(e)));
    }, []);
    const problem = asked.error ?? failure;
    const ready = asked.data !== undefined && asked.data.id === id && schema.length > 0;
    return (
        <main id="main" class="page repair" tabIndex={-1} aria-busy={!ready && !problem}>
            {!ready && <h1>{t('repair.title')}</h1>}
            {problem && <Problem failure={problem} retry={asked.retry} />}
            {problem && <a href={workList.value.from}>{t('repair.back')}</a>}
            {!ready && !problem && <div class="skeleton-lines" aria-hidden="true" />}
            {ready && asked.data && <Workspace key={id} first={asked.data} schema={schema} />}
        </main>
    );
}

/** The server's word on the draft; asked again a moment after each change. */
function useCheck(visit: ClaimVisit, draft: Draft): { check: Check | undefined; checking: boolean; failure: Failure | undefined } {
    const [check, setCheck] = useState<Check | undefined>(visit.check);
    const [checking, setChecking] = useState(false);
    const [failure, setFailure] = useState<Failure | undefined>(undefined);
    useEffect(() => {
        if (isEmpty(draft)) {
            setCheck(visit.check);
            setChecking(false);
            setFailure(undefined);
            return undefined;
        }
        const stop = new AbortController();
        setChecking(true);
        const timer = setTimeout(() => {
            const body = JSON.stringify({ visit: visit.id, edits: editsOf(draft) });
            askJson<Check>('/api/claims/check?at=export', { method: 'POST', body, signal: stop.signal }).then(
                (answer) => {
                    setCheck(answer);
                    setFailure(undefined);
                    setChecking(false);
                },
                (e: unknown) => {
                    if (stop.signal.aborted) return;
                    setFailure(asFailure(e));
                    setChecking(false);
                },
            );
        }, WAIT_MS);
        return () => {
            clearTimeout(timer);
            stop.abort();
        };
    }, [visit, draft]);
    return { check, checking, failure };
}

function Workspace({ first, schema }: { first: ClaimVisit; schema: ClaimTable[] }): JSX.Element {
    const [visit, setVisit] = useState(first);
    const [draft, setDraft] = useState<Draft>(() => rebase(drafts.get(first.id) ?? EMPTY, first.tables, schema));
    const [show, setShow] = useState<Show>('filled');
    const [at, setAt] = useState('');
    const [busy, setBusy] = useState(false);
    const [failure, setFailure] = useState<Failure | null>(null);
    const [saved, setSaved] = useState('');
    const { check, checking, failure: unchecked } = useCheck(visit, draft);
    const map = useMemo(() => findingsByPlace(check?.findings ?? [], draft), [check]);
    const order = useMemo(() => placesInOrder(map, schema), [map]);
    const list = workList.value;
    useEffect(() => workList.set({ ...workList.value, at: visit.id }), [visit.id]);
    const here = list.ids.indexOf(visit.id);
    const change = (to: Draft): void => {
        setDraft(to);
        setSaved('');
        if (isEmpty(to)) drafts.delete(visit.id);
        else drafts.set(visit.id, to);
    };
    const [goal, setGoal] = useState<{ key: string } | null>(null);
    const focusPlace = (key: string): void => {
        setAt(key);
        setGoal({ key });
    };
    // As soon as its record is open, before the next key: that one is for this field.
    useLayoutEffect(() => {
        if (goal) (document.getElementById(`at-${goal.key}`) ?? document.getElementById('visit-findings') ?? document.getElementById('main'))?.focus();
    }, [goal]);
    const step = (by: number): void => {
        if (order.length === 0) return;
        const i = order.indexOf(at);
        focusPlace(order[(i < 0 ? (by > 0 ? 0 : order.length - 1) : i + by + order.length) % order.length] ?? '');
    };
    const other = (by: number): void => {
        const next = list.ids[here + by];
        if (here >= 0 && next) go(`/giam-dinh/${encodeURIComponent(next)}`, true);
    };
    /** The foot that is left goes away when nothing is edited any more: the keyboard goes on at the field in hand. */
    const leaveFoot = (): void => {
        if (document.activeElement?.closest('.save-bar')) setGoal({ key: at });
    };
    const take = (v: ClaimVisit): void => {
        leaveFoot();
        setVisit(v);
        change(EMPTY);
        setSaved(v.written);
    };
    const send = async (path: string, method: string, mark: string, body: object): Promise<ClaimVisit> =>
        askJson<ClaimVisit>(path, { method, headers: { 'If-Match': `"${mark}"` }, body: JSON.stringify({ who: who.value.trim(), ...body }) });
    const save = async (): Promise<void> => {
        if (isEmpty(draft) || busy) return;
        if (!who.value.trim()) {
            askFor('who');
            return;
        }
        setBusy(true);
        setFailure(null);
        try {
            const path = `/api/visits/${encodeURIComponent(visit.id)}/claim`;
            const after = await send(path, 'PUT', visit.mark, { edits: editsOf(draft) });
            take(after);
            undoable({
                text: t('repair.saved', { what: after.ma_lk }),
                undo: async () => {
                    const back = await send(`${path}/undo`, 'POST', after.mark, {});
                    if (location.pathname.endsWith(encodeURIComponent(back.id))) take(back);
                },
            });
        } catch (e) {
            setFailure(asFailure(e));
        }
        setBusy(false);
    };
    const reload = async (): Promise<void> => {
        try {
            const now = await askJson<ClaimVisit>(`/api/visits/${encodeURIComponent(visit.id)}/claim`);
            setVisit(now);
            change(rebase(draft, now.tables, schema));
            setFailure(null);
        } catch (e) {
            setFailure(asFailure(e));
        }
    };
    const latest = useRef({ save, step, other });
    latest.current = { save, step, other };
    useEffect(() => {
        const key = (e: KeyboardEvent): void => {
            if (e.defaultPrevented) return;
            const run = e.key === 'F8' ? () => latest.current.step(e.shiftKey ? -1 : 1) : (e.ctrlKey || e.metaKey) && e.key === 's' ? () => void latest.current.save() : undefined;
            if (!run) return;
            e.preventDefault();
            run();
        };
        document.addEventListener('keydown', key);
        return () => document.removeEventListener('keydown', key);
    }, []);
    useKeys(
        [
            { keys: 'j', label: 'repair.next', run: () => latest.current.step(1) },
            { keys: 'k', label: 'repair.previous', run: () => latest.current.step(-1) },
            { keys: ']', label: 'repair.next_visit', run: () => latest.current.other(1) },
            { keys: '[', label: 'repair.previous_visit', run: () => latest.current.other(-1) },
            { keys: 'Escape', label: 'repair.back', run: () => go(list.from) },
            { keys: 'F8', label: 'repair.next', run: () => latest.current.step(1) },
            { keys: 'Ctrl+S', label: 'repair.save', run: () => undefined },
        ],
        [],
    );
    const x1 = schema.find((s) => s.table === 'XML1');
    const name = storedAt(visit.tables, x1, 1, 'HO_TEN');
    return (
        <>
            <div class="page-head">
                <a class="back" href={list.from}>
                    {t('repair.back')}
                </a>
                <h1>
                    {name || visit.ma_lk} <span class="quiet code">{visit.ma_lk}</span>
                </h1>
                <p class="quiet">{visit.facility_name || visit.facility}</p>
                {here >= 0 && (
                    <div class="pager">
                        <button type="button" class="small-button" disabled={here === 0} aria-label={t('repair.previous_visit')} onClick={() => other(-1)}>
                            ‹
                        </button>
                        <span>{t('repair.of', { n: num(here + 1), all: num(list.ids.length) })}</span>
                        <button type="button" class="small-button" disabled={here + 1 >= list.ids.length} aria-label={t('repair.next_visit')} onClick={() => other(1)}>
                            ›
                        </button>
                    </div>
                )}
            </div>
            <Verdict check={check} checking={checking} step={step} />
            {unchecked && <Problem failure={unchecked} />}
            <div class="repair-sides">
                <section class="repair-left" aria-label={t('repair.tables')}>
                    <VisitFindings list={map.get('||') ?? []} />
                    <div class="segments" role="group" aria-label={t('repair.show')}>
                        {(['found', 'filled', 'all'] as const).map((s) => (
                            <button type="button" aria-pressed={show === s} onClick={() => setShow(s)}>
                                {t(`repair.show_${s}`)}
                            </button>
                        ))}
                    </div>
                    <RepairTables
                        visit={visit}
                        schema={schema}
                        draft={draft}
                        map={map}
                        show={show}
                        at={at}
                        setAt={setAt}
                        edit={(key, value) => {
                            const p = placeOf(key);
                            change(withEdit(draft, p, value, storedAt(visit.tables, schema.find((s) => s.table === p.table), p.record, p.field)));
                        }}
                        remove={(table, record, gone) => change(withGone(draft, table, record, gone))}
                    />
                </section>
                <RepairSide visit={visit} schema={schema} draft={draft} findings={map.get(at) ?? []} at={at} />
            </div>
            <form
                class={`save-bar ${isEmpty(draft) ? '' : 'dirty'}`}
                onSubmit={(e) => {
                    e.preventDefault();
                    void save();
                }}
            >
                {failure && (
                    <div class="save-problem">
                        <Problem failure={failure} />
                        {failure.status === 412 && (
                            <button type="button" class="button" onClick={() => void reload()}>
                                {t('repair.reload')}
                            </button>
                        )}
                    </div>
                )}
                <p role="status">{saved ? t('repair.saved_at', { when: dateTime(saved) }) : isEmpty(draft) ? t('repair.unchanged') : t('repair.changed', { n: num(draft.edits.size + draft.gone.size) })}</p>
                {!isEmpty(draft) && (
                    <>
                        <WhoField />
                        <button type="submit" class="button primary" disabled={busy || (check?.refuses ?? 0) > 0}>
                            {t('repair.save')} <kbd aria-hidden="true">Ctrl S</kbd>
                        </button>
                        <button type="button" class="button" onClick={() => (leaveFoot(), change(EMPTY))}>
                            {t('repair.discard')}
                        </button>
                    </>
                )}
            </form>
        </>
    );
}

/** What the fund would say, in one line. */
function Verdict({ check, checking, step }: { check: Check | undefined; checking: boolean; step: (by: number) => void }): JSX.Element {
    if (!check) return <p class="verdict">{t('state.loading')}</p>;
    const bad = check.refuses + check.blocks;
    const state = bad > 0 ? 'alarm' : check.warns > 0 ? 'watch' : 'normal';
    const n = check.findings.length;
    return (
        <div class={`verdict ${state}`}>
            <p role="status" aria-live="polite">
                <StateMark state={state} />
                <b data-verdict={state}>{t(bad > 0 ? 'repair.held' : check.warns > 0 ? 'repair.warned' : 'repair.clean', { n: num(bad), warns: num(check.warns) })}</b>
                {bad > 0 && check.warns > 0 && <span>{t('repair.and_warns', { n: num(check.warns) })}</span>}
                {check.informs > 0 && <span class="quiet">{t('repair.informs', { n: num(check.informs) })}</span>}
                {check.more > 0 && <span class="quiet">{t('report.more', { n: num(check.more) })}</span>}
            </p>
            <span class="quiet" aria-hidden={!checking}>
                {checking ? t('repair.checking') : check.not_checked.length > 0 ? t('repair.not_checked', { what: check.not_checked.map((x) => tOr(`unchecked.${x}`) ?? x).join(', ') }) : ''}
            </span>
            {n > 0 && (
                <button type="button" class="button" onClick={() => step(1)}>
                    {t('repair.next')} <kbd aria-hidden="true">F8</kbd>
                </button>
            )}
        </div>
    );
}

function VisitFindings({ list }: { list: Finding[] }): JSX.Element | null {
    if (list.length === 0) return null;
    return (
        <ul class="visit-findings" id="visit-findings" tabIndex={-1}>
            {[...list]
                .sort((a, b) => heavier(a.weight, b.weight))
                .map((f) => (
                    <li>
                        <FindingLine f={f} />
                    </li>
                ))}
        </ul>
    );
}
