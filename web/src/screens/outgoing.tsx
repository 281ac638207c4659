// Signed claims on their way to the fund, and copies of them to others: what waits, what was put aside or refused, each
// attempt, and a person's word: pause a destination, resume it, let a visit go again.
import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { asFailure, askJson, type Failure, useAsk } from '../core/api';
import { dateTime, num } from '../core/format';
import { type Key, t } from '../core/i18n';
import { useKeys } from '../core/keys';
import { go, usePlace, withQuery } from '../core/router';
import { StateMark } from '../ui/icons';
import { Problem } from '../ui/parts';
import { Side } from '../ui/side';
import { useStep, who, WhoField, WhyField } from '../ui/undo';

interface Target {
    name: string;
    url: string;
    copy: boolean;
    paused: boolean;
    who: string;
    why: string;
    since: string;
    down: boolean;
    retryS: number;
    problem: string;
    lastAnswer: string;
    sentSinceStart: number;
    failedSinceStart: number;
    held: number;
    refused: number;
    copies: number;
}
interface Outgoing {
    signed: number;
    sent: number;
    held: number;
    refused: number;
    copies: number;
    targets: Target[];
}
interface Attempt {
    delivery?: 'waiting' | 'held' | 'refused' | 'dropped' | 'done';
    what?: 'claim' | 'check-in';
    target?: string;
    copy?: boolean;
    failures?: number;
    code?: string;
    why?: string;
    who?: string;
    transaction?: string;
    time?: string;
    notBefore?: string;
}
interface Row extends Attempt {
    facility: string;
    facilityName: string;
    maLk: string;
    visit: string;
    patient: string;
    since?: string;
}
interface Rows {
    total: number;
    next: string;
    rows: Row[];
}

const STATES = ['signed', 'sent', 'held', 'refused', 'copies'] as const;
const REFRESH_MS = 5000;
const keyOf = (r: { facility: string; maLk: string }): string => `${r.facility}|${r.maLk}`;
// A visit may stand in a list once for each destination.
const rowOf = (r: Row): string => (r.copy ? `${keyOf(r)}|${r.what}|${r.target}` : keyOf(r));
/** The kind in words: a check-in, a copy and where it goes. */
const kindOf = (a: Attempt): string =>
    [a.copy ? t('outgoing.copy_to', { name: a.target ?? '' }) : '', a.what === 'check-in' ? t('outgoing.checkin') : ''].filter(Boolean).join(' · ');
const partsOf = (key: string): [string, string] => [key.slice(0, key.indexOf('|')), key.slice(key.indexOf('|') + 1)];
const post = <T,>(path: string, why: string): Promise<T> => askJson<T>(path, { method: 'POST', body: JSON.stringify({ who: who.value.trim(), why }) });

/** Asks again every few seconds while the screen is in view. */
function useTicks(): [number, () => void] {
    const [ticks, setTicks] = useState(0);
    useEffect(() => {
        const timer = setInterval(() => document.visibilityState === 'visible' && setTicks((n) => n + 1), REFRESH_MS);
        return () => clearInterval(timer);
    }, []);
    return [ticks, () => setTicks((n) => n + 1)];
}

export function OutgoingScreen(): JSX.Element {
    const { query } = usePlace();
    const state = STATES.find((s) => s === query.get('state')) ?? 'signed';
    const visit = query.get('visit') ?? '';
    const target = query.get('target') ?? '';
    const row = query.get('row') ?? visit;
    const [ticks, refresh] = useTicks();
    const counts = useAsk<Outgoing>('/api/outgoing', ticks);
    const base = `/api/outgoing/list?state=${state}`;
    const asked = useAsk<Rows>(base, ticks);
    const [more, setMore] = useState<{ base: string; pages: Rows[] }>({ base, pages: [] });
    const [failure, setFailure] = useState<Failure | null>(null);
    const first = asked.path === base ? asked.data : undefined;
    const pages = first ? [first, ...(more.base === base ? more.pages : [])] : [];
    const list = [...new Map(pages.flatMap((p) => p.rows).map((r) => [rowOf(r), r])).values()];
    const next = pages[pages.length - 1]?.next;
    const data = counts.data;
    const chosen = data?.targets.find((x) => x.name === target);
    useEffect(() => {
        document.title = `${t('nav.outgoing')} · Nhịp`;
    });
    useEffect(() => {
        document.querySelector('.outgoing .segments [aria-pressed=true]')?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
    }, [state, data === undefined]); // the counts make them wider
    const open = (r: Row): void => go(withQuery({ visit: keyOf(r), row: r.copy ? rowOf(r) : null, target: null }), true);
    const openTarget = (name: string): void => go(withQuery({ target: name, visit: null, row: null }), true);
    const close = (): void => {
        go(withQuery({ visit: null, row: null, target: null }), true);
        const from = visit ? `out-${row}` : `target-${target}`;
        requestAnimationFrame(() => (document.getElementById(from) ?? document.getElementById('main'))?.focus());
    };
    const step = (by: number): void => {
        const i = list.findIndex((r) => rowOf(r) === row);
        const to = list[i < 0 ? 0 : i + by];
        if (!to) return;
        open(to);
        document.getElementById(`out-${rowOf(to)}`)?.focus();
    };
    const load = async (): Promise<void> => {
        setFailure(null);
        try {
            const page = await askJson<Rows>(`${base}&after=${encodeURIComponent(next ?? '')}`);
            setMore({ base, pages: [...pages.slice(1), page] });
        } catch (e) {
            setFailure(asFailure(e));
        }
    };
    useKeys(
        [
            { keys: 'j', label: 'keys.next', run: () => step(1) },
            { keys: 'k', label: 'keys.previous', run: () => step(-1) },
            { keys: 'p', label: 'outgoing.key_pause', run: () => data?.targets[0] && openTarget(target || data.targets[0].name) },
        ],
        [list.length, row, target, data?.targets.length],
    );
    const side = visit || chosen;
    return (
        <main id="main" class={`page rejects outgoing ${side ? 'with-side' : ''}`} tabIndex={-1}>
            <div class="list-side">
                <div class="page-head">
                    <h1>{t('nav.outgoing')}</h1>
                    <div class="segments" role="group" aria-label={t('outgoing.which')}>
                        {STATES.filter((s) => s !== 'copies' || state === s || data?.copies || data?.targets.some((x) => x.copy)).map((s) => (
                            <button type="button" aria-pressed={state === s} onClick={() => go(`/cong-giam-dinh?state=${s}`, true)}>
                                {t(`outgoing.${s}`)} <b data-count={s}>{num(data?.[s])}</b>
                            </button>
                        ))}
                    </div>
                </div>
                {counts.error && <Problem failure={counts.error} retry={counts.retry} />}
                {data?.targets.length === 0 && <p class="empty">{t('outgoing.no_targets')}</p>}
                {data?.targets.map((x) => <TargetLine key={x.name} target={x} open={() => openTarget(x.name)} />)}
                {!counts.error && asked.error && <Problem failure={asked.error} retry={asked.retry} />}
                {failure && <Problem failure={failure} />}
                {!first && !asked.error && <div class="skeleton-lines" aria-hidden="true" />}
                {first && list.length === 0 && <p class="empty">{t(`outgoing.none_${state}`)}</p>}
                {list.length > 0 && <List list={list} chosen={row} open={open} />}
                {next && (
                    <button type="button" class="button" onClick={() => void load()}>
                        {t('action.more', { n: num((first?.total ?? 0) - list.length) })}
                    </button>
                )}
            </div>
            {visit && <VisitSide key={visit} visit={visit} again={ticks} close={close} changed={refresh} />}
            {!visit && chosen && <TargetSide key={chosen.name} target={chosen} close={close} changed={refresh} />}
        </main>
    );
}

const stateOf = (x: Target): ['normal' | 'watch' | 'alarm', Key] =>
    x.paused ? ['watch', 'outgoing.paused'] : x.down ? ['alarm', 'outgoing.down'] : ['normal', 'outgoing.works'];

function TargetLine({ target: x, open }: { target: Target; open: () => void }): JSX.Element {
    const [mark, word] = stateOf(x);
    return (
        <section class={`verdict ${mark === 'normal' ? '' : mark}`} aria-label={x.name} data-target={x.name}>
            <p>
                <StateMark state={mark} />
                <b>{x.name}</b>
                {x.copy && <span class="quiet">{t('outgoing.gets_copies')}</span>}
                <span>{t(word)}</span>
                {x.paused && (
                    <span class="quiet">
                        {x.who}: {x.why} · {dateTime(x.since)}
                    </span>
                )}
                {!x.paused && x.down && (
                    <span class="quiet">
                        {x.problem} · {t('outgoing.retry_in', { n: num(x.retryS) })}
                    </span>
                )}
                {!x.paused && !x.down && x.lastAnswer && <span class="quiet">{t('outgoing.last_answer', { when: dateTime(x.lastAnswer) })}</span>}
            </p>
            <button type="button" id={`target-${x.name}`} class="button" onClick={open}>
                {t(x.paused ? 'outgoing.resume' : 'outgoing.pause')} <kbd aria-hidden="true">p</kbd>
            </button>
        </section>
    );
}

function List({ list, chosen, open }: { list: Row[]; chosen: string; open: (row: Row) => void }): JSX.Element {
    return (
        <div class="scroll wide" tabIndex={0} role="region" aria-label={t('nav.outgoing')}>
            <table class="rows">
                <thead>
                    <tr>
                        <th scope="col" class="frozen">
                            MA_LK
                        </th>
                        <th scope="col">{t('word.facility')}</th>
                        <th scope="col" class="right desk-only">
                            {t('outgoing.failures')}
                        </th>
                        <th scope="col" class="desk-only">
                            {t('outgoing.last_word')}
                        </th>
                        <th scope="col" class="desk-only">
                            {t('word.time')}
                        </th>
                    </tr>
                </thead>
                <tbody>
                    {list.map((r) => (
                        <tr class={rowOf(r) === chosen ? 'chosen' : ''} onClick={() => open(r)}>
                            <th scope="row" class="frozen">
                                <button type="button" id={`out-${rowOf(r)}`} class="row-button" aria-pressed={rowOf(r) === chosen} onClick={(e) => (e.stopPropagation(), open(r))}>
                                    {r.maLk}
                                </button>
                            </th>
                            <td class="place">
                                {r.facilityName || r.facility}
                                {kindOf(r) && <span class="quiet"> · {kindOf(r)}</span>}
                            </td>
                            <td class="right desk-only">{num(r.failures ?? 0)}</td>
                            <td class="place desk-only">{r.why || '—'}</td>
                            <td class="desk-only">{dateTime(r.time || r.since || '')}</td>
                        </tr>
                    ))}
                </tbody>
            </table>
        </div>
    );
}

/** Who and why; Enter in the form is the act. */
function Decide({ label, keys, act }: { label: Key; keys: string; act: (why: string) => Promise<void> }): JSX.Element {
    const { why, setWhy, busy, failure, run: step } = useStep();
    const run = (): Promise<void> =>
        step(async (reason) => {
            await act(reason);
            setWhy('');
        });
    useKeys([{ keys, label, run: () => void run() }], [why, busy, label]);
    return (
        <form
            class="decide"
            onSubmit={(e) => {
                e.preventDefault();
                void run();
            }}
        >
            {failure && <Problem failure={failure} />}
            <WhoField />
            <WhyField value={why} set={setWhy} />
            <div class="actions">
                <button type="submit" class="button primary" disabled={busy}>
                    {t(label)} <kbd aria-hidden="true">{keys}</kbd>
                </button>
            </div>
        </form>
    );
}

function TargetSide({ target: x, close, changed }: { target: Target; close: () => void; changed: () => void }): JSX.Element {
    const act = async (why: string): Promise<void> => {
        await post(`/api/outgoing/targets/${encodeURIComponent(x.name)}/${x.paused ? 'resume' : 'pause'}`, why);
        changed();
    };
    return (
        <Side title={`${x.name} · ${t(stateOf(x)[1])}`} close={close}>
            <dl class="pairs">
                <dt>{t('outgoing.address')}</dt>
                <dd class="code">{x.url}</dd>
                {x.copy && <dt>{t('outgoing.copies')}</dt>}
                {x.copy && <dd>{num(x.copies)}</dd>}
                <dt>{t('outgoing.sent_since')}</dt>
                <dd>{num(x.sentSinceStart)}</dd>
                <dt>{t('outgoing.failed_since')}</dt>
                <dd>{num(x.failedSinceStart)}</dd>
                <dt>{t('outgoing.held')}</dt>
                <dd>{num(x.held)}</dd>
                <dt>{t('outgoing.refused')}</dt>
                <dd>{num(x.refused)}</dd>
                <dt>{t('outgoing.last_change')}</dt>
                <dd>{x.since ? `${x.who}: ${x.why} · ${dateTime(x.since)}` : '—'}</dd>
            </dl>
            {x.copy && <p class="quiet">{t('outgoing.copies_mean')}</p>}
            <p class="quiet">{t(x.paused ? 'outgoing.resume_means' : 'outgoing.pause_means')}</p>
            <Decide label={x.paused ? 'outgoing.resume' : 'outgoing.pause'} keys="r" act={act} />
        </Side>
    );
}

const markOf = (a: Attempt): 'normal' | 'watch' | 'alarm' =>
    a.delivery === 'done' || a.delivery === 'dropped' || (a.delivery === 'waiting' && !a.failures) ? 'normal' : a.delivery === 'waiting' ? 'watch' : 'alarm';

function VisitSide({ visit, again, close, changed }: { visit: string; again: number; close: () => void; changed: () => void }): JSX.Element {
    const [facility, maLk] = partsOf(visit);
    const path = `/api/outgoing/visits/${encodeURIComponent(facility)}/${encodeURIComponent(maLk)}`;
    const asked = useAsk<{ facilityName: string; attempts: Attempt[] }>(path, again);
    const attempts = asked.data?.attempts ?? [];
    const newest = attempts[0];
    // The newest of the claim's, and the last one of every check-in and copy, are how things stand.
    const isLast = (a: Attempt): boolean => a === newest || a.what === 'check-in' || a.copy === true;
    const stands = attempts.some((a) => isLast(a) && (a.delivery === 'held' || a.delivery === 'refused'));
    const act = async (why: string): Promise<void> => {
        await post(`${path}/release`, why);
        changed();
    };
    return (
        <Side title={maLk} close={close}>
            <p class="quiet">{asked.data?.facilityName || facility}</p>
            {asked.error && <Problem failure={asked.error} retry={asked.retry} />}
            {asked.data && attempts.length === 0 && <p>{t('outgoing.no_trouble')}</p>}
            {attempts.length > 0 && (
                <ol class="attempts" aria-label={t('outgoing.attempts')}>
                    {attempts.map((a) => (
                        <li data-delivery={a.delivery}>
                            <StateMark state={markOf(a)} />
                            <div>
                                {kindOf(a) && `${kindOf(a)} · `}
                                <b>{t(a.delivery === 'waiting' && !a.failures ? 'outgoing.delivery_ahead' : `outgoing.delivery_${a.delivery ?? 'waiting'}`)}</b> {a.transaction || a.why}
                                <p class="quiet">
                                    {a.who && `${a.who} · `}
                                    {dateTime(a.time ?? '')}
                                    {a.notBefore && isLast(a) && ` · ${t('outgoing.not_before', { when: dateTime(a.notBefore) })}`}
                                </p>
                            </div>
                        </li>
                    ))}
                </ol>
            )}
            {stands && <p class="quiet">{t('outgoing.release_means')}</p>}
            {stands && <Decide label="outgoing.release" keys="r" act={act} />}
        </Side>
    );
}
