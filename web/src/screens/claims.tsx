// Claims on their way to the fund's money: the funnel, the lists behind its counts, what the rules find.
import type { JSX } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { type FacilityName, useAsk } from '../core/api';
import { type Counts, filterOf, type Row, type RuleCount, sentence, STAGES, type State, stateName, sumOf, toDo } from '../core/claims';
import { sayOf } from '../core/draft';
import { date, money, moneyShort, num } from '../core/format';
import { t } from '../core/i18n';
import { useKeys } from '../core/keys';
import { useGeneration } from '../core/live';
import { usePages } from '../core/pages';
import { go, place, usePlace, withQuery } from '../core/router';
import { MARK } from '../ui/finding';
import { StateMark } from '../ui/icons';
import { Problem } from '../ui/parts';
import { FixPanel } from './claims_fix';
import { Steps } from './claims_steps';
import { workList } from './worklist';

const WAIT_MS = 200;
const LOOK_MS = 4000; // while the book is behind, it is asked again

export function ClaimsScreen(): JSX.Element {
    const { query } = usePlace();
    const again = useGeneration();
    const [done, setDone] = useState(0);
    const [looked, setLooked] = useState(0);
    const counts = useAsk<Counts>(`/api/claims/counts?${filterOf(query, ['facility', 'from', 'to'])}`, `${again} ${done} ${looked}`);
    const fixing = query.get('fix') !== null;
    useEffect(() => {
        document.title = `${t('nav.claims')} · Nhịp`;
    });
    const behind = counts.data && toDo(counts.data.progress).length > 0;
    useEffect(() => {
        if (!behind) return undefined;
        const timer = setTimeout(() => setLooked((n) => n + 1), LOOK_MS);
        return () => clearTimeout(timer);
    }, [behind, counts.data, counts.error]);
    return (
        <main id="main" class={`page claims ${fixing ? 'with-side' : ''}`} tabIndex={-1}>
            <div class="list-side">
                <div class="page-head">
                    <h1>{t('nav.claims')}</h1>
                    <Filters />
                </div>
                {counts.error && <Problem failure={counts.error} retry={counts.retry} />}
                {!counts.data && !counts.error && <div class="skeleton-lines" aria-hidden="true" />}
                {counts.data && <Progress counts={counts.data} />}
                {counts.data && <Funnel counts={counts.data} />}
                <Rules key={`r${filterOf(query)}`} again={`${again} ${done} ${looked}`} />
                <Work key={filterOf(query)} counts={counts.data} again={`${again} ${done} ${looked}`} changed={() => setDone(done + 1)} />
            </div>
            {fixing && <FixPanel changed={() => setDone(done + 1)} close={() => go(withQuery({ fix: null }), true)} />}
        </main>
    );
}

function Filters(): JSX.Element {
    const { query } = usePlace();
    const names = useAsk<FacilityName[]>('/api/facilities');
    const [text, setText] = useState(query.get('q') ?? '');
    useEffect(() => {
        if (text === (place.value.query.get('q') ?? '')) return undefined;
        const timer = setTimeout(() => go(withQuery({ q: text }), true), WAIT_MS);
        return () => clearTimeout(timer);
    }, [text]);
    return (
        <form class="filters" onSubmit={(e) => e.preventDefault()}>
            <label>
                <span>{t('word.facility')}</span>
                <select value={query.get('facility') ?? ''} onChange={(e) => go(withQuery({ facility: e.currentTarget.value }), true)}>
                    <option value="">{t('claims.all_facilities')}</option>
                    {(names.data ?? []).map((f) => (
                        <option value={f.code}>{`${f.code} ${f.name}`}</option>
                    ))}
                </select>
            </label>
            {(['from', 'to'] as const).map((name) => (
                <label>
                    <span>{t(`claims.${name}`)}</span>
                    <input type="month" value={query.get(name) ?? ''} onChange={(e) => go(withQuery({ [name]: e.currentTarget.value }), true)} />
                </label>
            ))}
            <label>
                <span>{t('claims.search')}</span>
                <input type="search" value={text} autocomplete="off" onInput={(e) => setText(e.currentTarget.value)} />
            </label>
        </form>
    );
}

function Progress({ counts }: { counts: Counts }): JSX.Element {
    return (
        <>
            {toDo(counts.progress).map((p) => (
                <p class="quiet" role="status" data-progress={p.what}>
                    {t(`claims.${p.what}`, { done: num(p.n), all: num(p.all), percent: num(p.percent) })} <progress aria-label={t(`claims.${p.what}_label`)} value={p.n} max={p.all} />
                </p>
            ))}
        </>
    );
}

/** Each count opens the list behind it, and equals it. */
function Funnel({ counts }: { counts: Counts }): JSX.Element {
    const { query } = usePlace();
    const chosen = query.get('state') ?? '';
    const all = Math.max(1, sumOf(counts, STAGES[0]?.states ?? []).n);
    return (
        <section class="funnel" aria-label={t('claims.funnel')}>
            <ol>
                {STAGES.map((s) => {
                    const sum = sumOf(counts, s.states);
                    const states = s.id === 'imported' ? '' : s.states.join(',');
                    return (
                        <li>
                            <a href={withQuery({ state: states, rule: null, weight: null, q: null })} aria-current={chosen === states ? 'true' : undefined} data-stage={s.id}>
                                <span>{t(`stage.${s.id}`)}</span>
                                <b>{num(sum.n)}</b>
                                <span class="quiet">{moneyShort(sum[s.money])}</span>
                                <svg viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
                                    <rect width="100" height="4" class="funnel-ground" />
                                    <rect width={(sum.n / all) * 100} height="4" class="funnel-bar" />
                                </svg>
                            </a>
                        </li>
                    );
                })}
            </ol>
            <div class="state-chips" role="group" aria-label={t('word.state')}>
                {counts.states
                    .filter((s) => s.n > 0)
                    .map((s) => (
                        <a class="chip" href={withQuery({ state: s.state, rule: null, weight: null, q: null })} aria-current={chosen === s.state ? 'true' : undefined} data-state={s.state}>
                            {stateName(s)} <b>{num(s.n)}</b>
                        </a>
                    ))}
            </div>
        </section>
    );
}

const RULES_SHOWN = 8;

function Rules({ again }: { again: string }): JSX.Element | null {
    const { query } = usePlace();
    const chosen = query.get('rule') ?? '';
    const [open, setOpen] = useState(false);
    const asked = useAsk<{ rules: RuleCount[] }>(`/api/claims/rules?${filterOf(query, ['facility', 'from', 'to', 'state'])}`, again);
    const list = asked.data?.rules ?? [];
    if (asked.error) return <Problem failure={asked.error} retry={asked.retry} />;
    if (list.length === 0) return null;
    const shown = open ? list : list.filter((r, i) => i < RULES_SHOWN || r.rule === chosen);
    const current = list.find((r) => r.rule === chosen);
    return (
        <section class="panel rule-list" aria-labelledby="rules-title">
            <h2 id="rules-title">{t('claims.by_rule')}</h2>
            <ul>
                {shown.map((r) => (
                    <li class={r.rule === chosen ? 'chosen' : ''}>
                        <a href={withQuery({ rule: r.rule === chosen ? null : r.rule })} aria-current={r.rule === chosen ? 'true' : undefined} data-rule={r.rule}>
                            <StateMark state={MARK[r.weight]} />
                            <span class="sr">{t(`weight.${r.weight}`)}</span>
                            <span class="rule-says">{sentence(sayOf(r)) || r.rule}</span>
                            <b>{num(r.n)}</b>
                            <span class="quiet desk-only">{moneyShort(r.asked)}</span>
                        </a>
                    </li>
                ))}
            </ul>
            {list.length > shown.length && (
                <button type="button" class="link-button" onClick={() => setOpen(true)}>
                    {t('action.more', { n: num(list.length - shown.length) })}
                </button>
            )}
            {current && (
                <div class="rule-open">
                    <p>
                        {sentence(sayOf({ vi: current.fix_vi, en: current.fix_en }))} <span class="quiet">{current.law}</span>
                    </p>
                    <p class="state-chips">
                        {current.facilities.slice(0, 12).map((f) => (
                            <a class="chip" href={withQuery({ facility: f.facility })}>
                                {f.name || f.facility} <b>{num(f.n)}</b>
                            </a>
                        ))}
                    </p>
                    <a class="button" href={withQuery({ fix: '1' })}>
                        {t('fix.title')}
                    </a>
                </div>
            )}
        </section>
    );
}

/** The focus in a list whose rows come and go: it stays on its row, or on the one that took its place. */
function useKeptFocus(list: Row[]): { current: HTMLTableSectionElement | null } {
    const body = useRef<HTMLTableSectionElement>(null);
    // Read before the rows are drawn again.
    const now = document.activeElement;
    const row = body.current?.contains(now) ? now?.closest('tr') : null;
    const at = row ? row.sectionRowIndex : now?.matches('.more-rows') ? (body.current?.rows.length ?? 0) : -1; // it goes away behind the last page
    const part = now?.closest('.pick') ? '.pick input' : '.row-button';
    useLayoutEffect(() => {
        if (at < 0 || (document.activeElement !== document.body && document.activeElement !== null)) return;
        const rows = body.current?.rows;
        const to = row?.isConnected ? row : rows?.[Math.min(at, rows.length - 1)];
        (to?.querySelector<HTMLElement>(part) ?? document.getElementById('main'))?.focus({ preventScroll: row !== null });
    }, [list]);
    return body;
}

interface WorkProps {
    counts: Counts | undefined;
    again: string;
    changed: () => void;
}

function Work({ counts, again, changed }: WorkProps): JSX.Element {
    const { query } = usePlace();
    const filter = filterOf(query);
    const { rows: list, next, ready, error, more, retry } = usePages<Row>(`/api/claims/list?${filter}`, again);
    const [picked, setPicked] = useState<ReadonlySet<string>>(new Set());
    const states = (query.get('state') ?? '').split(',').filter(Boolean) as State[];
    const narrowed = ['rule', 'weight', 'q'].some((name) => query.get(name));
    const total = counts && !narrowed ? sumOf(counts, states.length > 0 ? states : (STAGES[0]?.states ?? [])).n : undefined;
    const key = (r: Row): string => `${r.facility}|${r.ma_lk}`;
    const flip = (r: Row): void => {
        const set = new Set(picked);
        if (!set.delete(key(r))) set.add(key(r));
        setPicked(set);
    };
    const chosen = list.map(key).filter((k) => picked.has(k)); // what is in view: nothing is done to what is not
    const body = useKeptFocus(list);
    useLayoutEffect(() => {
        // Who comes back from a visit goes on at its row.
        const { from, at } = workList.value;
        const free = !document.activeElement || document.activeElement === document.body || document.activeElement.id === 'main';
        if (ready && free && at && from === location.pathname + location.search) document.getElementById(`claim-${at}`)?.focus();
    }, [ready]);
    const remember = (): void => workList.set({ from: location.pathname + location.search, ids: list.map((r) => r.id) });
    const focused = (): number => list.findIndex((r) => `claim-${r.id}` === document.activeElement?.id);
    const step = (by: number): void => {
        const to = list[Math.max(0, Math.min(list.length - 1, focused() + by))];
        if (to) document.getElementById(`claim-${to.id}`)?.focus();
    };
    const latest = useRef({ step, flip, focused, list });
    latest.current = { step, flip, focused, list };
    useKeys(
        [
            { keys: 'j', label: 'keys.next', run: () => latest.current.step(1) },
            { keys: 'k', label: 'keys.previous', run: () => latest.current.step(-1) },
            {
                keys: 'x',
                label: 'claims.pick',
                run: () => {
                    const r = latest.current.list[latest.current.focused()];
                    if (r) latest.current.flip(r);
                },
            },
            { keys: 'f', label: 'fix.title', run: () => go(withQuery({ fix: '1' }), true) },
        ],
        [],
    );
    const name = (s: State): string => stateName(counts?.states.find((x) => x.state === s)) || s;
    return (
        <section class="work" aria-labelledby="work-title">
            <div class="work-head">
                <h2 id="work-title" tabIndex={-1}>
                    {t('claims.list')} <b data-list="shown">{num(list.length)}</b>
                    {total !== undefined && total > list.length && <span class="quiet"> {t('claims.of_total', { n: num(total) })}</span>}
                </h2>
                <Steps picked={chosen} rows={list} changed={() => (setPicked(new Set()), changed())} />
            </div>
            {error && <Problem failure={error} retry={retry} />}
            {!ready && !error && <div class="skeleton-lines" aria-hidden="true" />}
            {ready && list.length === 0 && <p class="empty">{t(filter ? 'claims.none_such' : 'claims.none')}</p>}
            {list.length > 0 && (
                <div class="scroll wide" tabIndex={0} role="region" aria-label={t('claims.list')}>
                    <table class="rows">
                        <thead>
                            <tr>
                                <th scope="col" class="pick">
                                    <input type="checkbox" aria-label={t('claims.pick_all')} checked={list.every((r) => picked.has(key(r)))} onChange={(e) => setPicked(e.currentTarget.checked ? new Set(list.map(key)) : new Set())} />
                                </th>
                                <th scope="col" class="frozen">{t('word.name')}</th>
                                <th scope="col">{t('claims.findings')}</th>
                                <th scope="col" class="desk-only">{t('word.state')}</th>
                                <th scope="col" class="desk-only">{t('word.discharge')}</th>
                                <th scope="col" class="right desk-only">{t('claims.asked')}</th>
                                <th scope="col" class="desk-only">{t('word.facility')}</th>
                                <th scope="col" class="desk-only">{t('word.department')}</th>
                                <th scope="col" class="desk-only">MA_LK</th>
                            </tr>
                        </thead>
                        <tbody ref={body}>
                            {list.map((r) => (
                                <tr key={r.id} class={picked.has(key(r)) ? 'chosen' : ''} onClick={(e) => !(e.target as Element).closest('a, .pick') && (remember(), go(`/giam-dinh/${encodeURIComponent(r.id)}`))}>
                                    <td class="pick" onClick={(e) => e.target === e.currentTarget && flip(r)}>
                                        <input type="checkbox" aria-label={t('claims.pick_one', { what: r.name || r.ma_lk })} checked={picked.has(key(r))} onChange={() => flip(r)} />
                                    </td>
                                    <th scope="row" class="frozen">
                                        <a class="row-button" id={`claim-${r.id}`} href={`/giam-dinh/${encodeURIComponent(r.id)}`} onClick={remember}>
                                            {r.name || r.ma_lk}
                                            <span class="quiet phone-only">
                                                {name(r.state)} · {money(r.asked)}
                                            </span>
                                        </a>
                                    </th>
                                    <td>
                                        <Found r={r} />
                                    </td>
                                    <td class="desk-only">{name(r.state)}</td>
                                    <td class="desk-only">{date(r.day_out)}</td>
                                    <td class="right desk-only">{money(r.asked)}</td>
                                    <td class="desk-only" title={r.facility_name}>
                                        {r.facility}
                                    </td>
                                    <td class="desk-only">{r.department}</td>
                                    <td class="code desk-only">{r.ma_lk}</td>
                                </tr>
                            ))}
                        </tbody>
                    </table>
                </div>
            )}
            {next && (
                <button type="button" class="button more-rows" onClick={more}>
                    {total !== undefined && total > list.length ? t('action.more', { n: num(total - list.length) }) : t('claims.more')}
                </button>
            )}
        </section>
    );
}

function Found({ r }: { r: Row }): JSX.Element {
    const parts = (['blocks', 'warns', 'informs'] as const).filter((w) => r[w] > 0 && (w !== 'informs' || r.blocks + r.warns === 0));
    if (parts.length === 0)
        return (
            <span class="found">
                <StateMark state="normal" /> <span class="sr">{t('repair.clean')}</span>
            </span>
        );
    return (
        <span class="found">
            {parts.map((w) => (
                <span>
                    <StateMark state={MARK[w]} /> {num(r[w])} <span class="sr">{t(`weight.${w}`)}</span>
                </span>
            ))}
        </span>
    );
}
