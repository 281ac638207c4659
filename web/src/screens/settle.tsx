// Settlement of a facility: its months, their closing, reports to look at, to keep and to print, the fund's answers.
import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { asFailure, askJson, type Failure, type FacilityName, useAsk } from '../core/api';
import { date, dateTime, money, num } from '../core/format';
import { t, tOr } from '../core/i18n';
import { useKeys } from '../core/keys';
import { go, usePlace, withQuery } from '../core/router';
import { StateMark } from '../ui/icons';
import { Problem } from '../ui/parts';
import { askFor, who, WhoField, WhyField } from '../ui/undo';

interface Month {
    month: string;
    visits: number;
    asked: number;
    accepted: number;
    paid: number;
    not_sent: number;
    closed: string | null;
    who: string | null;
}
interface Closing {
    facility: string;
    facility_name: string | null;
    month: string;
    closed: string | null;
    who: string | null;
    why: string | null;
    figures: { id: string; title: string; kind: 'count' | 'money'; frozen: number | null; now: number }[];
}
type Kind = 'text' | 'count' | 'money' | 'quantity' | 'day';
interface Report {
    report: string;
    title: string;
    facility_name: string;
    month: string;
    columns: { id: string; title: string; kind: Kind }[];
    rows: (string | number | null)[][];
    totals: (string | number | null)[];
}

/** Reports of a month; ageing and denials stand without one. */
const REPORTS = ['outpatient', 'inpatient', 'drugs', 'supplies', 'services', 'reconciliation', 'denials', 'ageing'] as const;
type Name = (typeof REPORTS)[number];
const SCOPED: readonly Name[] = ['outpatient', 'inpatient', 'drugs', 'supplies', 'services'];
const VISIT_FORMS: readonly Name[] = ['outpatient', 'inpatient'];
const ROWS = 200;

/** The claims of a month that have not left for the fund. */
const waitingList = (facility: string, month: string): string => `/giam-dinh?facility=${encodeURIComponent(facility)}&from=${month}&to=${month}&state=entered,checked,corrected,signed`;
/** 10/2026 */
const monthName = (m: string | null): string => (m ? `${m.slice(5)}/${m.slice(0, 4)}` : '—');

export function SettleScreen(): JSX.Element {
    const { query } = usePlace();
    const names = useAsk<FacilityName[]>('/api/facilities');
    const facility = query.get('facility') ?? '';
    const month = query.get('month') ?? '';
    const report = (query.get('report') ?? '') as Name | '';
    const [done, setDone] = useState(0);
    const months = useAsk<{ months: Month[] }>(facility ? `/api/settle/months?facility=${encodeURIComponent(facility)}` : null, done);
    useEffect(() => {
        document.title = `${t('nav.settle')} · Nhịp`;
    });
    useEffect(() => {
        // A province of one facility needs no choice.
        const only = names.data?.length === 1 ? names.data[0] : undefined;
        if (!facility && only) go(withQuery({ facility: only.code }), true);
    }, [names.data]);
    const list = months.data?.months ?? [];
    const step = (by: number): void => {
        const i = list.findIndex((m) => m.month === month);
        const to = list[i < 0 ? 0 : Math.max(0, Math.min(list.length - 1, i + by))];
        if (to) go(withQuery({ month: to.month }), true);
    };
    useKeys(
        [
            { keys: 'j', label: 'keys.next', run: () => step(1) },
            { keys: 'k', label: 'keys.previous', run: () => step(-1) },
        ],
        [list.length, month],
    );
    return (
        <main id="main" class="page settle" tabIndex={-1}>
            <div class="page-head no-print">
                <h1>{t('nav.settle')}</h1>
                <form class="filters" onSubmit={(e) => e.preventDefault()}>
                    <label>
                        <span>{t('word.facility')}</span>
                        <select value={facility} onChange={(e) => go(withQuery({ facility: e.currentTarget.value, month: null }), true)}>
                            <option value="">{t('settle.choose')}</option>
                            {(names.data ?? []).map((f) => (
                                <option value={f.code}>{`${f.code} ${f.name}`}</option>
                            ))}
                        </select>
                    </label>
                </form>
            </div>
            {names.error && <Problem failure={names.error} retry={names.retry} />}
            {months.error && <Problem failure={months.error} retry={months.retry} />}
            {!facility && <p class="empty">{t('settle.none_chosen')}</p>}
            {facility && !months.data && !months.error && <div class="skeleton-lines" aria-hidden="true" />}
            {months.data && list.length === 0 && <p class="empty">{t('settle.no_months')}</p>}
            {list.length > 0 && <Months list={list} month={month} facility={facility} />}
            {facility && month && <ClosingPanel key={`${facility}${month}`} facility={facility} month={month} waiting={list.find((m) => m.month === month)?.not_sent ?? 0} changed={() => setDone(done + 1)} />}
            <nav class="reports no-print" aria-label={t('settle.reports')}>
                <h2>{t('settle.reports')}</h2>
                <div class="state-chips">
                    {REPORTS.map((r) => {
                        const able = r === 'ageing' || r === 'denials' || (facility && month);
                        return able ? (
                            <a class="chip" href={withQuery({ report: report === r ? null : r })} aria-current={report === r ? 'true' : undefined}>
                                {t(`settle.${r}`)}
                            </a>
                        ) : (
                            <span class="chip quiet">{t(`settle.${r}`)}</span>
                        );
                    })}
                </div>
            </nav>
            {report && REPORTS.includes(report) && <ReportPanel key={`${report}${facility}${month}`} report={report} facility={facility} month={month} />}
            {facility && <Answers facility={facility} changed={() => setDone(done + 1)} />}
        </main>
    );
}

function Months({ list, month, facility }: { list: Month[]; month: string; facility: string }): JSX.Element {
    // The chosen month stays in view within its table; what it says follows right below.
    useEffect(() => document.querySelector('.months tr.chosen')?.scrollIntoView({ block: 'nearest' }), [month]);
    return (
        <div class={`scroll wide no-print months ${month ? 'with-month' : ''}`} tabIndex={0} role="region" aria-label={t('settle.months')}>
            <table class="rows">
                <thead>
                    <tr>
                        <th scope="col" class="frozen">{t('word.month')}</th>
                        <th scope="col" class="right">{t('word.visits')}</th>
                        <th scope="col" class="right desk-only">{t('claims.asked')}</th>
                        <th scope="col" class="right desk-only">{t('settle.accepted')}</th>
                        <th scope="col" class="right desk-only">{t('settle.paid')}</th>
                        <th scope="col" class="right">{t('settle.not_sent')}</th>
                        <th scope="col">{t('settle.closed')}</th>
                    </tr>
                </thead>
                <tbody>
                    {list.map((m) => (
                        <tr key={m.month} class={m.month === month ? 'chosen' : ''} onClick={() => go(withQuery({ month: m.month }), true)}>
                            <th scope="row" class="frozen">
                                <a class="row-button" href={withQuery({ month: m.month })} aria-current={m.month === month ? 'true' : undefined}>
                                    {monthName(m.month)}
                                </a>
                            </th>
                            <td class="right">{num(m.visits)}</td>
                            <td class="right desk-only">{money(m.asked)}</td>
                            <td class="right desk-only">{money(m.accepted)}</td>
                            <td class="right desk-only">{money(m.paid)}</td>
                            <td class="right">
                                <a href={waitingList(facility, m.month)}>{num(m.not_sent)}</a>
                            </td>
                            <td>{m.closed ? date(m.closed) : '—'}</td>
                        </tr>
                    ))}
                </tbody>
            </table>
        </div>
    );
}

function ClosingPanel({ facility, month, waiting, changed }: { facility: string; month: string; waiting: number; changed: () => void }): JSX.Element {
    const path = `/api/settle/months/${encodeURIComponent(facility)}/${encodeURIComponent(month)}`;
    const [done, setDone] = useState(0);
    const [open, setOpen] = useState(false);
    const [why, setWhy] = useState('');
    const [busy, setBusy] = useState(false);
    const [failure, setFailure] = useState<Failure | null>(null);
    const asked = useAsk<Closing>(path, done);
    const c = asked.data;
    const close = async (): Promise<void> => {
        if (!who.value.trim()) {
            askFor('who');
            return;
        }
        setBusy(true);
        setFailure(null);
        try {
            await askJson(`${path}/close`, { method: 'POST', body: JSON.stringify({ who: who.value.trim(), why: why.trim() }) });
            setDone(done + 1);
            changed();
        } catch (e) {
            setFailure(asFailure(e));
        }
        setBusy(false);
    };
    /** Of both kinds of visits, as a closing would keep it now. */
    const frozen = (what: string): number => (c?.figures ?? []).reduce((sum, f) => (VISIT_FORMS.some((form) => f.id === `${form}.${what}`) ? sum + f.now : sum), 0);
    const say = (kind: 'count' | 'money', n: number | null): string => (kind === 'money' ? money(n) : num(n));
    return (
        <section class="panel closing" aria-labelledby="closing-title">
            <h2 id="closing-title">{t('settle.closing', { month: monthName(month) })}</h2>
            {asked.error && <Problem failure={asked.error} retry={asked.retry} />}
            {!c && !asked.error && <div class="skeleton-lines" aria-hidden="true" />}
            {c && (
                <>
                    <p>{c.closed ? t('settle.closed_by', { who: c.who ?? '', when: dateTime(c.closed) }) : t('settle.open')}</p>
                    <table class="numbers">
                        <thead>
                            <tr>
                                <th scope="col">{t('word.item')}</th>
                                {c.closed && (
                                    <th scope="col" class="right">
                                        {t('settle.frozen')}
                                    </th>
                                )}
                                <th scope="col" class="right">
                                    {t('settle.now')}
                                </th>
                            </tr>
                        </thead>
                        <tbody>
                            {c.figures.map((f) => (
                                <tr class={f.frozen !== null && f.frozen !== f.now ? 'moved' : ''}>
                                    <th scope="row">
                                        <span class="quiet">{tOr(`settle.${f.id.split('.')[0]}`)}</span> {f.title}
                                    </th>
                                    {c.closed && <td class="right">{say(f.kind, f.frozen)}</td>}
                                    <td class="right">{say(f.kind, f.now)}</td>
                                </tr>
                            ))}
                        </tbody>
                    </table>
                    {!c.closed && waiting > 0 && (
                        <p>
                            <StateMark state="watch" /> <a href={waitingList(facility, month)}>{t('settle.waiting', { n: num(waiting) })}</a>
                        </p>
                    )}
                    {!c.closed && !open && (
                        <button type="button" class="button no-print" onClick={() => setOpen(true)}>
                            {t('settle.close')}
                        </button>
                    )}
                    {!c.closed && open && (
                        <form
                            class="close-month no-print"
                            aria-label={t('settle.close_month', { month: monthName(month) })}
                            onSubmit={(e) => {
                                e.preventDefault();
                                void close();
                            }}
                        >
                            <p>
                                <b>{t('settle.close_what', { month: monthName(month), facility: c.facility_name ?? facility, n: num(frozen('visits')), money: money(frozen('asked')) })}</b>
                            </p>
                            <p>{t('settle.close_means')}</p>
                            <div class="decide">
                                <WhoField />
                                <WhyField value={why} set={setWhy} />
                                <button type="submit" class="button primary" disabled={busy}>
                                    {t('settle.close_month', { month: monthName(month) })}
                                </button>
                                <button type="button" class="button" disabled={busy} onClick={() => (setOpen(false), setFailure(null))}>
                                    {t('settle.close_not')}
                                </button>
                            </div>
                        </form>
                    )}
                    {failure && <Problem failure={failure} />}
                </>
            )}
        </section>
    );
}

function cell(kind: Kind, value: string | number | null): string {
    if (value === null || value === undefined) return '';
    if (kind === 'day') return date(String(value));
    return typeof value === 'number' ? (kind === 'money' ? money(value) : num(value, 3)) : value;
}

function ReportPanel({ report, facility, month }: { report: Name; facility: string; month: string }): JSX.Element {
    const [all, setAll] = useState(false);
    const [rows, setRows] = useState(ROWS);
    const query = new URLSearchParams();
    if (SCOPED.includes(report)) query.set('scope', all ? 'all' : 'asked');
    if (facility) query.set('facility', facility);
    if (month && report === 'denials') {
        query.set('from', month);
        query.set('to', month);
    } else if (month && report !== 'ageing') query.set('month', month);
    const path = `/api/settle/reports/${report}?${query.toString()}`;
    const asked = useAsk<Report>(path);
    const r = asked.path === path ? asked.data : undefined;
    const right = (kind: Kind): string => (kind === 'text' || kind === 'day' ? '' : 'right');
    return (
        <section class="panel report-view" aria-labelledby="report-title">
            <div class="work-head">
                <h2 id="report-title">{r?.title ?? t(`settle.${report}`)}</h2>
                <div class="actions no-print">
                    {SCOPED.includes(report) && (
                        <label class="check">
                            <input type="checkbox" checked={all} onChange={(e) => setAll(e.currentTarget.checked)} /> <span>{t('settle.scope_all')}</span>
                        </label>
                    )}
                    <a class="button" href={`${path}&format=csv`} download>
                        CSV
                    </a>
                    <a class="button" href={`${path}&format=xlsx`} download>
                        XLSX
                    </a>
                    <a class="button" href={`${path}&format=html`} target="_blank" rel="noopener">
                        {t('settle.print')}
                    </a>
                </div>
            </div>
            {asked.error && <Problem failure={asked.error} retry={asked.retry} />}
            {!r && !asked.error && <div class="skeleton-lines" aria-hidden="true" />}
            {r && r.rows.length === 0 && <p class="empty">{t('settle.empty')}</p>}
            {r && r.rows.length > 0 && (
                <div class="scroll wide" tabIndex={0} role="region" aria-label={r.title}>
                    <table class="numbers">
                        <thead>
                            <tr>
                                {r.columns.map((c) => (
                                    <th scope="col" class={right(c.kind)}>
                                        {c.title}
                                    </th>
                                ))}
                            </tr>
                        </thead>
                        <tbody>
                            {r.rows.slice(0, rows).map((row) => (
                                <tr>
                                    {r.columns.map((c, i) => (
                                        <td class={right(c.kind)}>{cell(c.kind, row[i] ?? null)}</td>
                                    ))}
                                </tr>
                            ))}
                        </tbody>
                        <tfoot>
                            <tr>
                                {r.columns.map((c, i) => (
                                    <td class={right(c.kind)}>
                                        <b>{cell(c.kind, r.totals[i] ?? null) || (i === 0 ? t('settle.total') : '')}</b>
                                    </td>
                                ))}
                            </tr>
                        </tfoot>
                    </table>
                </div>
            )}
            {r && r.rows.length > rows && (
                <button type="button" class="button no-print" onClick={() => setRows(rows + 5 * ROWS)}>
                    {t('action.more', { n: num(r.rows.length - rows) })}
                </button>
            )}
        </section>
    );
}

interface Taken {
    kind: string;
    rows: number;
    visits: number;
    done: number;
    same: number;
    refused: { visit: string; what: string }[];
}

/** The fund's file: who brought it, what became of its lines. */
function Answers({ facility, changed }: { facility: string; changed: () => void }): JSX.Element {
    const [final, setFinal] = useState(true);
    const [busy, setBusy] = useState(false);
    const [failure, setFailure] = useState<Failure | null>(null);
    const [taken, setTaken] = useState<Taken | null>(null);
    const send = async (file: File | undefined): Promise<void> => {
        if (!file) return;
        if (!who.value.trim()) {
            askFor('who-answer');
            return;
        }
        const query = new URLSearchParams({ name: file.name, facility, who: who.value.trim(), final: String(final) });
        setBusy(true);
        setFailure(null);
        setTaken(null);
        try {
            setTaken(await askJson<Taken>(`/api/settle/answers?${query.toString()}`, { method: 'POST', body: file }));
            changed();
        } catch (e) {
            setFailure(asFailure(e));
        }
        setBusy(false);
    };
    return (
        <section class="panel no-print" aria-labelledby="answers-title">
            <h2 id="answers-title">{t('settle.answers')}</h2>
            <p class="quiet">{t('settle.answers_what')}</p>
            <div class="decide">
                <WhoField id="who-answer" />
                <label class="check">
                    <input type="checkbox" checked={final} onChange={(e) => setFinal(e.currentTarget.checked)} /> <span>{t('settle.final')}</span>
                </label>
                <label class="who">
                    <span>{t('settle.file')}</span>
                    <input
                        type="file"
                        accept=".csv,.tsv,.xlsx,.xml,.json"
                        disabled={busy}
                        onChange={(e) => {
                            void send(e.currentTarget.files?.[0]);
                            e.currentTarget.value = '';
                        }}
                    />
                </label>
            </div>
            {busy && <p role="status">{t('import.working')}</p>}
            {failure && <Problem failure={failure} />}
            {taken && (
                <div class="report" role="status">
                    <p>{t('settle.taken', { rows: num(taken.rows), visits: num(taken.visits), done: num(taken.done), refused: num(taken.refused.length) })}</p>
                    <ul class="issues">
                        {taken.refused.slice(0, 20).map((r) => (
                            <li>
                                <span class="code">{r.visit}</span> {r.what}
                            </li>
                        ))}
                    </ul>
                </div>
            )}
        </section>
    );
}
