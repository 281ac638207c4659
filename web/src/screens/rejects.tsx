// Rejects: what could not be taken, where it stands, by which rule, and what to do. The refused
// piece is kept unchanged; it can be repaired here and processed again.
import type { JSX } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { ask, asFailure, askJson, type Failure, type Reject, type Rejects, type Report, useAsk } from '../core/api';
import { dateTime, num } from '../core/format';
import { t } from '../core/i18n';
import { useKeys } from '../core/keys';
import { useGeneration } from '../core/live';
import { placeOfField, readable, sendable } from '../core/piece';
import { go, usePlace, withQuery } from '../core/router';
import { Problem } from '../ui/parts';
import { ReportView } from '../ui/report';
import { Side } from '../ui/side';

const placeOf = (r: Reject): string =>
    [r.ma_lk && `MA_LK ${r.ma_lk}`, r.table, r.line > 0 && t('rejects.line', { n: r.line }), r.field].filter(Boolean).join(' · ') || t('rejects.whole');

/** What was loaded beyond the first page. */
interface More {
    base: string;
    rows: Reject[];
    busy?: boolean;
    failure?: Failure;
}

export function RejectsScreen(): JSX.Element {
    const { query } = usePlace();
    const settled = query.get('settled') === 'true';
    const chosen = Number(query.get('id') ?? 0);
    const again = useGeneration();
    const [done, setDone] = useState(0);
    const base = `/api/rejects${settled ? '?settled=true' : ''}`;
    const asked = useAsk<Rejects>(base, `${again} ${done}`);
    const [more, setMore] = useState<More>({ base, rows: [] });
    const rows = more.base === base ? more.rows : [];
    const first = asked.data?.rejects ?? [];
    const known = new Set(first.map((r) => r.id));
    const list = [...first, ...rows.filter((r) => !known.has(r.id))];
    const total = settled ? asked.data?.settled : asked.data?.open;
    useEffect(() => {
        document.title = `${t('nav.rejects')} · Nhịp`;
    });
    const toEdit = useRef(false); // opened from its row: the refused value is ready to be typed over
    const open = (id: number): void => {
        toEdit.current = true;
        if (id === chosen) document.getElementById('piece')?.focus();
        go(withQuery({ id: String(id) }), true);
    };
    const left = useRef(0); // the piece that was closed: the keyboard goes on from its row
    const close = (): void => {
        left.current = chosen;
        go(withQuery({ id: null }), true);
    };
    useLayoutEffect(() => {
        if (chosen === 0 && left.current !== 0) (document.getElementById(`reject-${left.current}`) ?? document.getElementById('main'))?.focus(); // the row may have left the list
        if (chosen !== 0) left.current = 0;
    }, [chosen]);
    const step = (by: number): void => {
        const i = list.findIndex((r) => r.id === (chosen || left.current));
        const next = list[i < 0 ? 0 : i + by];
        if (!next) return;
        toEdit.current = false;
        go(withQuery({ id: String(next.id) }), true);
        document.getElementById(`reject-${next.id}`)?.focus();
    };
    const settle = (id: number): void => {
        setDone(done + 1);
        setMore({ base, rows: rows.filter((r) => r.id !== id) });
    };
    useKeys(
        [
            { keys: 'j', label: 'keys.next', run: () => step(1) },
            { keys: 'k', label: 'keys.previous', run: () => step(-1) },
        ],
        [list.length, chosen],
    );
    const load = async (): Promise<void> => {
        const last = list[list.length - 1];
        if (!last || more.busy) return;
        setMore({ base, rows, busy: true });
        try {
            const page = await askJson<Rejects>(`/api/rejects?after=${last.id}${settled ? '&settled=true' : ''}`);
            setMore({ base, rows: [...rows, ...page.rejects] });
        } catch (e) {
            setMore({ base, rows, failure: asFailure(e) });
        }
    };
    // A piece that was just settled leaves the list; its side stays open with the report.
    const held = useRef<Reject | undefined>(undefined);
    held.current = list.find((r) => r.id === chosen) ?? (held.current?.id === chosen ? held.current : undefined);
    const current = held.current;
    return (
        <main id="main" class={`page rejects ${current ? 'with-side' : ''}`} tabIndex={-1}>
            <div class="list-side">
                <div class="page-head">
                    <h1>{t('nav.rejects')}</h1>
                    <div class="segments" role="group" aria-label={t('rejects.which')}>
                        <button type="button" aria-pressed={!settled} onClick={() => go('/rejects', true)}>
                            {t('rejects.open')} <b data-count="open">{num(asked.data?.open)}</b>
                        </button>
                        <button type="button" aria-pressed={settled} onClick={() => go('/rejects?settled=true', true)}>
                            {t('rejects.settled')} <b>{num(asked.data?.settled)}</b>
                        </button>
                    </div>
                </div>
                {asked.error && <Problem failure={asked.error} retry={asked.retry} />}
                {asked.data && list.length === 0 && <p class="empty">{t(settled ? 'rejects.none_settled' : 'rejects.none')}</p>}
                {list.length > 0 && <List list={list} chosen={chosen} open={open} />}
                {more.failure && more.base === base && <Problem failure={more.failure} />}
                {total !== undefined && total > list.length && list.length > 0 && (
                    <button type="button" class="button" onClick={() => void load()}>
                        {t('action.more', { n: num(total - list.length) })}
                    </button>
                )}
            </div>
            {current && <RejectSide key={current.id} r={current} toEdit={toEdit.current} close={close} settle={() => settle(current.id)} />}
        </main>
    );
}

function List({ list, chosen, open }: { list: Reject[]; chosen: number; open: (id: number) => void }): JSX.Element {
    return (
        <div class="scroll wide" tabIndex={0} role="region" aria-label={t('nav.rejects')}>
            <table class="rows">
                <thead>
                    <tr>
                        <th scope="col" class="frozen">{t('rejects.what')}</th>
                        <th scope="col" class="desk-only">{t('rejects.place')}</th>
                        <th scope="col" class="desk-only">{t('rejects.rule')}</th>
                        <th scope="col" class="desk-only">{t('rejects.file')}</th>
                        <th scope="col" class="desk-only">{t('word.time')}</th>
                    </tr>
                </thead>
                <tbody>
                    {list.map((r) => (
                        <tr class={r.id === chosen ? 'chosen' : ''} onClick={() => open(r.id)}>
                            <th scope="row" class="frozen">
                                <button type="button" id={`reject-${r.id}`} class="row-button" aria-pressed={r.id === chosen} onClick={(e) => (e.stopPropagation(), open(r.id))}>
                                    {r.what}
                                    <span class="quiet code phone-only">{placeOf(r)}</span>
                                </button>
                            </th>
                            <td class="code place desk-only">{placeOf(r)}</td>
                            <td class="code desk-only">{r.rule}</td>
                            <td class="code file-name desk-only" title={r.file}>
                                {r.file}
                            </td>
                            <td class="desk-only">{dateTime(r.time)}</td>
                        </tr>
                    ))}
                </tbody>
            </table>
        </div>
    );
}

// What was edited and not sent, for as long as the page is loaded: closing a piece loses nothing. It is
// kept nowhere else, because a refused claim names its patient.
const drafts = new Map<number, string>();

interface SideProps {
    r: Reject;
    toEdit: boolean;
    close: () => void;
    settle: () => void;
}

function RejectSide({ r, toEdit, close, settle }: SideProps): JSX.Element {
    const [kept, setKept] = useState<string | null>(null);
    const [text, setText] = useState('');
    const edit = (to: string): void => {
        setText(to);
        drafts.set(r.id, to);
    };
    const [asKept, setAsKept] = useState(false);
    const [failure, setFailure] = useState<Failure | null>(null);
    const [report, setReport] = useState<Report | null>(null);
    const [busy, setBusy] = useState(false);
    const area = useRef<HTMLTextAreaElement>(null);
    const decoded = kept === null ? '' : readable(kept);
    const done = report !== null && report.claims.rejected === 0;
    const changed = kept !== null && text !== decoded && !done;
    useEffect(() => {
        ask(`/api/rejects/${r.id}`)
            .then((response) => response.text())
            .then((body) => {
                const lines = body.replaceAll('\r\n', '\n');
                setKept(lines);
                setText(drafts.get(r.id) ?? readable(lines));
            })
            .catch((e: unknown) => setFailure(asFailure(e)));
    }, [r.id]);
    useLayoutEffect(() => {
        if (kept === null || !area.current) return;
        if (toEdit) area.current.focus({ preventScroll: true });
        showField(area.current, r);
    }, [kept]);
    const process = async (): Promise<void> => {
        setBusy(true);
        setFailure(null);
        try {
            const body = changed ? sendable(text) : '';
            setReport(await askJson<Report>(`/api/rejects/${r.id}`, { method: 'POST', body }));
            drafts.delete(r.id);
            settle();
        } catch (e) {
            setFailure(asFailure(e));
        }
        setBusy(false);
    };
    return (
        <Side title={r.what} close={close}>
            <dl class="pairs">
                <dt>{t('rejects.place')}</dt>
                <dd class="code">{placeOf(r)}</dd>
                <dt>{t('rejects.file')}</dt>
                <dd class="code">{r.file}</dd>
                <dt>{t('rejects.rule')}</dt>
                <dd class="code">{r.rule}</dd>
                <dt>{t('rejects.remedy')}</dt>
                <dd>{t('remedy.default')}</dd>
            </dl>
            <div class="piece">
                <div class="piece-head">
                    <label for="piece">
                        {t('rejects.piece')} {changed && <b>{t('rejects.changed')}</b>}
                    </label>
                    <div class="segments" role="group" aria-label={t('rejects.view')}>
                        <button type="button" aria-pressed={!asKept} onClick={() => setAsKept(false)}>
                            {t('rejects.decoded')}
                        </button>
                        <button type="button" aria-pressed={asKept} onClick={() => setAsKept(true)}>
                            {t('rejects.kept')}
                        </button>
                    </div>
                </div>
                <textarea
                    id="piece"
                    ref={area}
                    wrap="off"
                    spellcheck={false}
                    readOnly={r.settled || asKept}
                    value={kept === null ? t('state.loading') : asKept ? kept : text}
                    onInput={(e) => edit(e.currentTarget.value)}
                />
            </div>
            {changed && <p class="quiet">{t('rejects.drafts')}</p>}
            {failure && <Problem failure={failure} />}
            {report && <ReportView report={report} />}
            <div class="actions">
                <button type="button" class="button primary" disabled={busy || kept === null || r.settled || done} onClick={() => void process()}>
                    {t(r.settled || done ? 'rejects.done' : changed ? 'rejects.process_changed' : 'rejects.process')}
                </button>
                {changed && (
                    <button type="button" class="button" onClick={() => edit(decoded)}>
                        {t('rejects.undo')}
                    </button>
                )}
            </div>
        </Side>
    );
}

/** Selects the value that was refused and scrolls to it. */
function showField(area: HTMLTextAreaElement, r: Reject): void {
    const place = placeOfField(area.value, r.table, r.field, r.line);
    if (!place) {
        area.setSelectionRange(0, 0);
        return;
    }
    area.setSelectionRange(...place);
    const line = area.value.slice(0, place[0]).split('\n').length;
    const height = parseFloat(getComputedStyle(area).lineHeight) || 18;
    area.scrollTop = Math.max(0, (line - 6) * height);
}
