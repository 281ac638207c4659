// One citizen, one record: pairs that may be the same person, the evidence side by side, and a person's word.
import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { asFailure, askJson, type Failure, useAsk } from '../core/api';
import { date, dateTime, num } from '../core/format';
import { type Key, t, tOr } from '../core/i18n';
import { useKeys } from '../core/keys';
import { go, usePlace, withQuery } from '../core/router';
import { StateMark } from '../ui/icons';
import { Problem } from '../ui/parts';
import { Side } from '../ui/side';
import { undoable, useStep, who, WhoField, WhyField } from '../ui/undo';
import { sexWord } from './citizens';
import { NewbornSide } from './newborns';

interface Case {
    task: string;
    certificate?: string; // of a newborn: a is the child, b the mother
    a: string;
    b: string;
    a_name: string | null;
    b_name: string | null;
    status: string;
    who: string;
    why: string;
    time: string;
    evidence: Record<string, string>;
}
interface Cases {
    total: number;
    next: string;
    cases: Case[];
}
interface PairField {
    field: string;
    a: string;
    b: string;
    level: string;
    what: string;
    weight: number;
}
interface Pair {
    a: string;
    b: string;
    status: string;
    decision: 'none' | 'review' | 'link';
    rule: string;
    score: number;
    fields: PairField[];
}
type Act = 'merge' | 'differ' | 'unmerge';

const STATUSES = ['requested', 'completed', 'rejected', 'cancelled'] as const;
const keyOf = (c: Case): string => c.certificate ?? `${c.a}|${c.b}`;
/** What is not certain about a newborn, from the evidence of its case. */
const doubtsOf = (c: Case): string => ['card', 'certificates', 'persons', 'birth-and-sex', 'mother'].filter((d) => c.evidence[d] && !['same', 'one'].includes(c.evidence[d])).map((d) => t(`mpi.doubt_${d}` as Key)).join('; ');

export function PairsScreen(): JSX.Element {
    const { query } = usePlace();
    const status = query.get('status') ?? 'requested';
    const chosen = query.get('pair') ?? '';
    const newborns = query.get('kind') === 'newborns';
    const word = newborns ? 'mpi.newborn_' : 'mpi.';
    const at = (kind: boolean, s: string): string => `/trung-ho-so?${kind ? 'kind=newborns&' : ''}status=${s}`;
    const [done, setDone] = useState(0);
    const base = `/api/mpi?status=${encodeURIComponent(status)}${newborns ? '&kind=newborns' : ''}`;
    const asked = useAsk<Cases>(base, done);
    const [more, setMore] = useState<{ base: string; pages: Cases[] }>({ base, pages: [] });
    const [failure, setFailure] = useState<Failure | null>(null);
    const pages = asked.data ? [asked.data, ...(more.base === `${base} ${done}` ? more.pages : [])] : [];
    const list = pages.flatMap((p) => p.cases);
    const next = pages[pages.length - 1]?.next;
    useEffect(() => {
        document.title = `${t('nav.mpi')} · Nhịp`;
    });
    const open = (key: string): void => go(withQuery({ pair: key }), true);
    const step = (by: number): void => {
        const i = list.findIndex((c) => keyOf(c) === chosen);
        const to = list[i < 0 ? 0 : i + by];
        if (!to) return;
        open(keyOf(to));
        document.getElementById(`pair-${keyOf(to)}`)?.focus();
    };
    const close = (): void => {
        go(withQuery({ pair: null }), true);
        requestAnimationFrame(() => (document.getElementById(`pair-${chosen}`) ?? document.getElementById('main'))?.focus());
    };
    const load = async (): Promise<void> => {
        try {
            const page = await askJson<Cases>(`${base}&after=${encodeURIComponent(next ?? '')}`);
            setMore({ base: `${base} ${done}`, pages: [...pages.slice(1), page] });
        } catch (e) {
            setFailure(asFailure(e));
        }
    };
    useKeys(
        [
            { keys: 'j', label: 'keys.next', run: () => step(1) },
            { keys: 'k', label: 'keys.previous', run: () => step(-1) },
        ],
        [list.length, chosen],
    );
    const decided = (): void => {
        const i = list.findIndex((c) => keyOf(c) === chosen);
        const to = list[i + 1] ?? list[i - 1];
        setDone(done + 1);
        if (status !== 'requested') return;
        go(withQuery({ pair: to ? keyOf(to) : null }), true);
    };
    const [a, b] = newborns ? [] : chosen.split('|');
    const side = newborns ? chosen !== '' : Boolean(a && b);
    return (
        <main id="main" class={`page rejects pairs-page ${side ? 'with-side' : ''}`} tabIndex={-1}>
            <div class="list-side">
                <div class="page-head">
                    <h1>{t('nav.mpi')}</h1>
                    <div class="segments" role="group" aria-label={t('mpi.kind')}>
                        {[false, true].map((kind) => (
                            <button type="button" id={kind ? 'kind-newborns' : 'kind-pairs'} aria-pressed={newborns === kind} onClick={() => go(at(kind, 'requested'), true)}>
                                {t(kind ? 'mpi.newborns' : 'mpi.pairs')}
                            </button>
                        ))}
                    </div>
                    <div class="segments" role="group" aria-label={t('mpi.which')}>
                        {STATUSES.map((s) => (
                            <button type="button" aria-pressed={status === s} onClick={() => go(at(newborns, s), true)}>
                                {t(`${word}${s}` as Key)} {status === s && <b data-count={s}>{num(asked.data?.total)}</b>}
                            </button>
                        ))}
                    </div>
                </div>
                {asked.error && <Problem failure={asked.error} retry={asked.retry} />}
                {failure && <Problem failure={failure} />}
                {!asked.data && !asked.error && <div class="skeleton-lines" aria-hidden="true" />}
                {asked.data && list.length === 0 && <p class="empty">{t(status !== 'requested' ? (newborns ? 'mpi.newborn_none_such' : 'mpi.none_such') : newborns ? 'mpi.newborn_none' : 'mpi.none')}</p>}
                {list.length > 0 && (
                    <div class="scroll wide" tabIndex={0} role="region" aria-label={t('nav.mpi')}>
                        <table class="rows">
                            <thead>
                                <tr>
                                    <th scope="col" class="frozen">{t(newborns ? 'mpi.newborn_who' : 'mpi.who')}</th>
                                    {!newborns && <th scope="col" class="right desk-only">{t('mpi.score')}</th>}
                                    <th scope="col" class="desk-only">{t('mpi.evidence')}</th>
                                    <th scope="col" class="desk-only">{t('word.time')}</th>
                                </tr>
                            </thead>
                            <tbody>
                                {list.map((c) => (
                                    <tr class={keyOf(c) === chosen ? 'chosen' : ''} onClick={() => open(keyOf(c))}>
                                        <th scope="row" class="frozen">
                                            <button type="button" id={`pair-${keyOf(c)}`} class="row-button" aria-pressed={keyOf(c) === chosen} onClick={(e) => (e.stopPropagation(), open(keyOf(c)))}>
                                                {c.a_name ?? c.a} ↔ {c.b_name ?? c.b}
                                            </button>
                                        </th>
                                        {!newborns && <td class="right desk-only">{c.evidence['score'] ? num(Number(c.evidence['score']), 1) : '—'}</td>}
                                        <td class="desk-only">{newborns ? doubtsOf(c) || t('mpi.certain') : (tOr(`mpi.rule_${c.evidence['rule']}`) ?? c.evidence['rule'])}</td>
                                        <td class="desk-only">{dateTime(c.time)}</td>
                                    </tr>
                                ))}
                            </tbody>
                        </table>
                    </div>
                )}
                {next && (
                    <button type="button" class="button" onClick={() => void load()}>
                        {t('action.more', { n: num((asked.data?.total ?? 0) - list.length) })}
                    </button>
                )}
            </div>
            {a && b && <PairSide key={chosen} a={a} b={b} found={list.find((c) => keyOf(c) === chosen)} close={close} decided={decided} />}
            {newborns && chosen && <NewbornSide key={chosen} certificate={chosen} close={close} decided={decided} />}
        </main>
    );
}

/** For, neither, against: by the bits that it adds. */
const leaning = (w: number): 'normal' | 'watch' | 'unknown' => (w >= 1 ? 'normal' : w > -1 ? 'unknown' : 'watch');

function PairSide({ a, b, found, close, decided }: { a: string; b: string; found: Case | undefined; close: () => void; decided: () => void }): JSX.Element {
    const path = `/api/mpi/${encodeURIComponent(a)}/${encodeURIComponent(b)}`;
    const [swapped, setSwapped] = useState(false);
    const { why, setWhy, busy, failure, run } = useStep();
    const [after, setAfter] = useState<Pair | null>(null);
    const asked = useAsk<Pair>(path);
    const pair = after ?? asked.data;
    const merged = pair?.status === 'completed';
    const latest = useRef<(act: Act) => void>(() => undefined);
    const decide = async (act: Act): Promise<void> => {
        if (!pair) return;
        const [keep, other] = swapped && act === 'merge' ? [b, a] : [a, b];
        const at = `/api/mpi/${encodeURIComponent(keep)}/${encodeURIComponent(other)}`;
        const post = (what: Act, reason: string): Promise<Pair> => askJson<Pair>(`${at}/${what}`, { method: 'POST', body: JSON.stringify({ who: who.value.trim(), why: reason }) });
        await run(async (reason) => {
            setAfter(await post(act, reason));
            if (act === 'merge')
                undoable({
                    text: t('mpi.merged'),
                    undo: async () => {
                        await post('unmerge', t('mpi.undone'));
                        decided();
                    },
                });
            decided();
        });
    };
    latest.current = (act) => void decide(act);
    useKeys(
        [
            { keys: 'm', label: 'mpi.merge', run: () => latest.current('merge') },
            { keys: 'd', label: 'mpi.differ', run: () => latest.current('differ') },
            { keys: 'p', label: 'mpi.part', run: () => latest.current('unmerge') },
            { keys: 's', label: 'mpi.swap', run: () => setSwapped((x) => !x) },
        ],
        [],
    );
    const say = (f: PairField, value: string): string => (f.field === 'birth' ? date(value) : f.field === 'sex' ? sexWord(value) : value) || '—';
    return (
        <Side title={t('mpi.pair')} close={close}>
            {asked.error && <Problem failure={asked.error} retry={asked.retry} />}
            {!pair && !asked.error && <div class="skeleton-lines" aria-hidden="true" />}
            {pair && (
                <>
                    <p>
                        <b>{t(`mpi.decision_${pair.decision}`)}</b> · {tOr(`mpi.rule_${pair.rule}`) ?? pair.rule} · {t('mpi.bits', { n: num(pair.score, 1) })}
                    </p>
                    {found?.why && (
                        <p class="quiet">
                            {found.who}: {found.why} · {dateTime(found.time)}
                        </p>
                    )}
                    <div class="scroll" tabIndex={0} role="region" aria-label={t('mpi.pair')}>
                        <table class="numbers evidence">
                            <thead>
                                <tr>
                                    <th scope="col">{t('word.item')}</th>
                                    <th scope="col">
                                        <a href={`/citizens/${encodeURIComponent(a)}`}>{t(swapped ? 'mpi.other' : 'mpi.kept')}</a>
                                    </th>
                                    <th scope="col">
                                        <a href={`/citizens/${encodeURIComponent(b)}`}>{t(swapped ? 'mpi.kept' : 'mpi.other')}</a>
                                    </th>
                                    <th scope="col">{t('mpi.evidence')}</th>
                                    <th scope="col" class="right desk-only">
                                        {t('mpi.weight')}
                                    </th>
                                </tr>
                            </thead>
                            <tbody>
                                {pair.fields
                                    .filter((f) => f.a || f.b)
                                    .map((f) => (
                                        <tr data-field={f.field}>
                                            <th scope="row">{tOr(`mpi.field_${f.field}`) ?? f.field}</th>
                                            <td>{say(f, f.a)}</td>
                                            <td class={f.a !== f.b ? 'differs' : ''}>{say(f, f.b)}</td>
                                            <td>
                                                <StateMark state={leaning(f.weight)} /> {f.what}
                                            </td>
                                            <td class="right desk-only">
                                                {f.weight > 0 ? '+' : ''}
                                                {num(f.weight, 1)}
                                            </td>
                                        </tr>
                                    ))}
                            </tbody>
                        </table>
                    </div>
                    {failure && <Problem failure={failure} />}
                    <form
                        class="decide"
                        onSubmit={(e) => {
                            e.preventDefault();
                            (document.getElementById(merged ? 'act-unmerge' : 'act-merge') as HTMLButtonElement | null)?.focus();
                        }}
                    >
                        <WhoField />
                        <WhyField value={why} set={setWhy} />
                        <button type="submit" hidden />
                        <div class="actions">
                            {!merged && (
                                <>
                                    <button type="button" id="act-merge" class="button primary" disabled={busy} onClick={() => void decide('merge')}>
                                        {t('mpi.merge')} <kbd aria-hidden="true">m</kbd>
                                    </button>
                                    <button type="button" class="button" disabled={busy || pair.status === 'rejected'} onClick={() => void decide('differ')}>
                                        {t('mpi.differ')} <kbd aria-hidden="true">d</kbd>
                                    </button>
                                    <button type="button" class="button" disabled={busy} onClick={() => setSwapped(!swapped)}>
                                        {t('mpi.swap')} <kbd aria-hidden="true">s</kbd>
                                    </button>
                                </>
                            )}
                            {merged && (
                                <button type="button" id="act-unmerge" class="button" disabled={busy} onClick={() => void decide('unmerge')}>
                                    {t('mpi.part')} <kbd aria-hidden="true">p</kbd>
                                </button>
                            )}
                        </div>
                    </form>
                </>
            )}
        </Side>
    );
}
