// Catalogues: what is in force, a table looked at as differences before it is taken in, editions, and the way back.
import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { asFailure, askJson, type Failure, useAsk } from '../core/api';
import { date, dateTime, exact, num, today } from '../core/format';
import { t } from '../core/i18n';
import { useKeys } from '../core/keys';
import { go, usePlace, withQuery } from '../core/router';
import { Icon, StateMark } from '../ui/icons';
import { Problem } from '../ui/parts';
import { undoable, who, WhoField, WhyField } from '../ui/undo';
import { type Plan, PlanView } from './catalogues_plan';

export interface Column {
    id: string;
    title: string;
    kind: 'text' | 'code' | 'price' | 'set' | 'day' | 'number' | 'flag';
    needed: boolean;
}
interface Edition {
    number: number;
    time: string;
    who: string;
    why: string;
    file: string;
    rows: number;
    added: number;
    changed: number;
    ended: number;
    restored: number;
    damaged: boolean;
}
interface Catalogue {
    id: string;
    title: string;
    columns: Column[];
    edition: Edition | null;
}

/** A value as a person reads it: days in both spellings, money with separators. */
export function shown(column: Column | undefined, value: string): string {
    if (value === '') return '—';
    if (column?.kind === 'day') return date(/^\d{8}$/.test(value) ? `${value.slice(0, 4)}-${value.slice(4, 6)}-${value.slice(6)}` : value);
    if (column?.kind === 'price' || column?.kind === 'number') return exact(value);
    return column?.kind === 'set' ? value.replaceAll(';', '; ') : value;
}

export function CataloguesScreen(): JSX.Element {
    const { query } = usePlace();
    const id = query.get('id') ?? '';
    const [done, setDone] = useState(0);
    const asked = useAsk<{ catalogues: Catalogue[] }>('/api/catalogues', done);
    const list = asked.data?.catalogues ?? [];
    const one = list.find((c) => c.id === id);
    useEffect(() => {
        document.title = `${one ? `${one.title} · ` : ''}${t('nav.catalogues')} · Nhịp`;
    });
    return (
        <main id="main" class="page catalogues" tabIndex={-1}>
            <h1>{t('nav.catalogues')}</h1>
            {asked.error && <Problem failure={asked.error} retry={asked.retry} />}
            {!asked.data && !asked.error && <div class="skeleton-lines" aria-hidden="true" />}
            {list.length > 0 && (
                <nav class="catalogue-list" aria-label={t('nav.catalogues')}>
                    {list.map((c) => (
                        <a href={`/danh-muc?id=${c.id}`} aria-current={c.id === id ? 'page' : undefined} data-catalogue={c.id}>
                            <b>{c.title}</b>
                            <span class="quiet">
                                {c.edition ? t('catalog.edition_of', { n: num(c.edition.rows), date: date(c.edition.time) }) : t('catalog.not_loaded')}
                            </span>
                        </a>
                    ))}
                </nav>
            )}
            {asked.data && !one && <p class="quiet">{t('catalog.hint')}</p>}
            {one && <One key={one.id} of={one} changed={() => setDone((n) => n + 1)} />}
        </main>
    );
}

function One({ of, changed }: { of: Catalogue; changed: () => void }): JSX.Element {
    const at = `/api/catalogues/${of.id}`;
    const [plan, setPlan] = useState<Plan | null>(null);
    const back = async (to: number, why: string): Promise<void> => {
        await askJson(`${at}/rollback`, { method: 'POST', body: JSON.stringify({ to, who: who.value.trim(), why }) });
        changed();
    };
    const accept = async (why: string): Promise<void> => {
        const base = plan?.base ?? 0;
        await askJson(`${at}/accept`, { method: 'POST', body: JSON.stringify({ plan: plan?.plan, who: who.value.trim(), why }) });
        setPlan(null);
        undoable(base > 0 ? { text: t('catalog.accepted'), undo: () => back(base, t('catalog.undone')) } : null);
        changed();
    };
    return (
        <>
            <div class="page-head">
                <h2>{of.title}</h2>
                <span class="actions">
                    <a class="button" href={`${at}/file?template=1`} download>
                        {t('catalog.template')}
                    </a>
                    {of.edition && (
                        <a class="button" href={`${at}/file`} download>
                            {t('catalog.export')}
                        </a>
                    )}
                </span>
            </div>
            {of.edition?.damaged && (
                <p class="problem" role="alert">
                    <StateMark state="alarm" /> {t('catalog.damaged')}
                </p>
            )}
            {plan ? <PlanView of={of} plan={plan} accept={accept} drop={() => setPlan(null)} /> : <Upload at={at} show={setPlan} />}
            <Editions at={at} newest={of.edition?.number ?? 0} back={back} />
            {of.edition && <Rows of={of} at={at} />}
        </>
    );
}

/** A table by drag, by the button or by key, and what it says of its rows. */
function Upload({ at, show }: { at: string; show: (plan: Plan) => void }): JSX.Element {
    const input = useRef<HTMLInputElement>(null);
    const [over, setOver] = useState(false);
    const [busy, setBusy] = useState('');
    const [since, setSince] = useState('');
    const [facility, setFacility] = useState('');
    const [whole, setWhole] = useState(false);
    const [failure, setFailure] = useState<Failure | null>(null);
    const send = async (file: File | undefined): Promise<void> => {
        if (!file || busy) return;
        setBusy(file.name);
        setFailure(null);
        const query = new URLSearchParams({ file: file.name, since, facility: facility.trim(), whole: String(whole) });
        for (const name of ['since', 'facility']) if (!query.get(name)) query.delete(name);
        try {
            show(await askJson<Plan>(`${at}/preview?${query}`, { method: 'POST', body: file, headers: { 'Content-Type': 'application/octet-stream' } }));
        } catch (e) {
            setFailure(asFailure(e));
            setBusy('');
        }
    };
    useKeys([{ keys: 'f', label: 'catalog.choose', run: () => input.current?.click() }], []);
    return (
        <section
            aria-labelledby="upload-title"
            onDragOver={(e) => {
                e.preventDefault();
                setOver(true);
            }}
            onDragLeave={() => setOver(false)}
            onDrop={(e) => {
                e.preventDefault();
                setOver(false);
                void send(e.dataTransfer?.files[0]);
            }}
        >
            <h3 id="upload-title">{t('catalog.take')}</h3>
            <div class="decide">
                <label class="who">
                    <span>{t('catalog.since')}</span>
                    <input type="date" name="since" value={since} onInput={(e) => setSince(e.currentTarget.value)} />
                </label>
                <label class="who">
                    <span>{t('catalog.facility')}</span>
                    <input name="facility" maxLength={5} value={facility} placeholder={t('catalog.all_facilities')} onInput={(e) => setFacility(e.currentTarget.value)} />
                </label>
                <label class="check">
                    <input type="checkbox" name="whole" checked={whole} onChange={(e) => setWhole(e.currentTarget.checked)} /> {t('catalog.whole')}
                </label>
            </div>
            <div class={`drop ${over ? 'over' : ''}`} aria-busy={busy !== ''}>
                <Icon name="import" size={28} />
                <p>{busy ? t('catalog.reading', { file: busy }) : t('catalog.drop')}</p>
                {busy && <progress aria-label={busy} />}
                <button type="button" class="button primary" disabled={busy !== ''} onClick={() => input.current?.click()}>
                    {t('catalog.choose')} <kbd aria-hidden="true">f</kbd>
                </button>
                <input
                    ref={input}
                    class="sr"
                    type="file"
                    tabIndex={-1}
                    aria-label={t('catalog.choose')}
                    accept=".xlsx,.csv,.tsv,.txt"
                    onChange={(e) => {
                        void send(e.currentTarget.files?.[0]);
                        e.currentTarget.value = '';
                    }}
                />
            </div>
            {failure && <Problem failure={failure} />}
        </section>
    );
}

/** All editions; any of them can be taken up again. */
function Editions({ at, newest, back }: { at: string; newest: number; back: (to: number, why: string) => Promise<void> }): JSX.Element {
    const asked = useAsk<{ editions: Edition[] }>(`${at}/history`, newest);
    const [to, setTo] = useState(0);
    const [why, setWhy] = useState('');
    const [busy, setBusy] = useState(false);
    const [failure, setFailure] = useState<Failure | null>(null);
    const list = asked.data?.editions ?? [];
    const run = async (): Promise<void> => {
        setBusy(true);
        setFailure(null);
        try {
            await back(to, why.trim());
            undoable({ text: t('catalog.rolled_back', { n: to }), undo: () => back(newest, t('catalog.undone')) });
            setTo(0);
        } catch (e) {
            setFailure(asFailure(e));
        }
        setBusy(false);
    };
    return (
        <section aria-labelledby="editions-title">
            <h3 id="editions-title">{t('catalog.editions')}</h3>
            {asked.error && <Problem failure={asked.error} retry={asked.retry} />}
            {asked.data && list.length === 0 && <p class="empty">{t('catalog.no_editions')}</p>}
            {list.length > 0 && (
                <div class="scroll" tabIndex={0} role="region" aria-label={t('catalog.editions')}>
                    <table class="numbers">
                        <thead>
                            <tr>
                                <th scope="col" class="right">{t('catalog.edition')}</th>
                                <th scope="col">{t('word.time')}</th>
                                <th scope="col" class="right">{t('catalog.rows')}</th>
                                <th scope="col">{t('catalog.changes')}</th>
                                <th scope="col">{t('word.who')}</th>
                                <th scope="col">{t('word.why')}</th>
                                <th scope="col">
                                    <span class="sr">{t('catalog.roll_back')}</span>
                                </th>
                            </tr>
                        </thead>
                        <tbody>
                            {list.map((e) => (
                                <tr data-edition={e.number}>
                                    <td class="right">{e.number}</td>
                                    <td>{dateTime(e.time)}</td>
                                    <td class="right">{num(e.rows)}</td>
                                    <td>
                                        {e.restored > 0
                                            ? t('catalog.as_edition', { n: e.restored })
                                            : t('catalog.sum_changes', { added: num(e.added), changed: num(e.changed), ended: num(e.ended) })}
                                    </td>
                                    <td>{e.who}</td>
                                    <td class="wrap">{e.file ? `${e.why} (${e.file})` : e.why}</td>
                                    <td>
                                        {e.number !== newest && (
                                            <button type="button" class="small-button" aria-expanded={to === e.number} onClick={() => setTo(to === e.number ? 0 : e.number)}>
                                                {t('catalog.roll_back')}
                                            </button>
                                        )}
                                    </td>
                                </tr>
                            ))}
                        </tbody>
                    </table>
                </div>
            )}
            {to > 0 && (
                <form
                    class="decide"
                    aria-label={t('catalog.roll_back_to', { n: to })}
                    onSubmit={(e) => {
                        e.preventDefault();
                        void run();
                    }}
                >
                    <WhoField />
                    <WhyField id="why-back" required value={why} set={setWhy} />
                    <button type="submit" class="button primary" disabled={busy}>
                        {t('catalog.roll_back_to', { n: to })}
                    </button>
                </form>
            )}
            {failure && <Problem failure={failure} />}
        </section>
    );
}

interface RowPage {
    rows: string[][];
    next: number;
}

/** The rows that hold on a day, found by code or name. */
function Rows({ of, at }: { of: Catalogue; at: string }): JSX.Element {
    const { query } = usePlace();
    const q = query.get('q') ?? '';
    const day = query.get('day') ?? today();
    const path = `${at}/rows?count=50&q=${encodeURIComponent(q)}${day ? `&day=${day}` : ''}`;
    const version = of.edition?.number ?? 0;
    const asked = useAsk<RowPage>(path, version);
    const [more, setMore] = useState<{ of: string; pages: RowPage[] }>({ of: '', pages: [] });
    const key = `${path} ${version}`;
    const pages = asked.data ? [asked.data, ...(more.of === key ? more.pages : [])] : [];
    const next = pages[pages.length - 1]?.next ?? 0;
    const rows = pages.flatMap((p) => p.rows);
    const used = of.columns.map((_, i) => i).filter((i) => i < 5 || rows.some((r) => r[i]));
    const load = async (): Promise<void> => {
        const page = await askJson<RowPage>(`${path}&after=${next}`).catch(() => null);
        if (page) setMore({ of: key, pages: [...pages.slice(1), page] });
    };
    const right = (c: Column | undefined): string => (c?.kind === 'price' || c?.kind === 'number' ? 'right' : '');
    return (
        <section aria-labelledby="rows-title">
            <h3 id="rows-title">{t('catalog.content')}</h3>
            <div class="decide">
                <label class="who">
                    <span>{t('catalog.find')}</span>
                    <input type="search" value={q} onInput={(e) => go(withQuery({ q: e.currentTarget.value }), true)} />
                </label>
                <label class="who">
                    <span>{t('catalog.on_day')}</span>
                    <input type="date" value={day} onInput={(e) => go(withQuery({ day: e.currentTarget.value }), true)} />
                </label>
            </div>
            {asked.error && <Problem failure={asked.error} retry={asked.retry} />}
            {asked.data && rows.length === 0 && <p class="empty">{t('catalog.no_rows')}</p>}
            {rows.length > 0 && (
                <div class="scroll" tabIndex={0} role="region" aria-label={t('catalog.content')}>
                    <table class="numbers catalogue-rows">
                        <thead>
                            <tr>
                                {used.map((i) => (
                                    <th scope="col" class={right(of.columns[i])}>
                                        {of.columns[i]?.title}
                                    </th>
                                ))}
                            </tr>
                        </thead>
                        <tbody>
                            {rows.map((r) => (
                                <tr>
                                    {used.map((i) => (
                                        <td class={`${right(of.columns[i])} ${of.columns[i]?.kind === 'text' ? 'wrap' : ''}`}>{shown(of.columns[i], r[i] ?? '')}</td>
                                    ))}
                                </tr>
                            ))}
                        </tbody>
                    </table>
                </div>
            )}
            {next > 0 && (
                <button type="button" class="button" onClick={() => void load()}>
                    {t('catalog.more')}
                </button>
            )}
        </section>
    );
}
