// A citizen's lifelong record on one screen: who is it, what is dangerous, what is open, what changed.
import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { type Citizen, type Drug, type Problem as Illness, useAsk } from '../core/api';
import { age, date, dayOf, daysBetween, measure, num, today } from '../core/format';
import { t, tOr } from '../core/i18n';
import { useKeys } from '../core/keys';
import { useGeneration } from '../core/live';
import { go, usePlace, withQuery } from '../core/router';
import { Lifeline } from '../charts/lifeline';
import { isOutside, resultName, Results } from '../charts/trend';
import { CardCheck } from '../ui/card';
import { StateMark } from '../ui/icons';
import { Copy, Problem } from '../ui/parts';
import { sexWord } from './citizens';
import { VisitItem } from './visit';

const RECENT_DAYS = 90;
const OPEN_DAYS = 365;
/** So many records come at once, whatever the length of the life; then all of it. */
const FIRST_RECORDS = 60;
/** While others' records come in by the thousand, this one is not asked again all the time. */
const REFRESH_MS = 15000;

export function CitizenScreen({ id }: { id: string }): JSX.Element {
    const { query } = usePlace();
    const again = useGeneration(REFRESH_MS);
    const path = `/api/citizens/${encodeURIComponent(id)}`;
    // The newest part first; when it says that there is more, all of it, from then on.
    const [long, setLong] = useState(false);
    const asked = useAsk<Citizen>(long ? path : `${path}?newest=${FIRST_RECORDS}`, again);
    const last = useRef<Citizen | undefined>(undefined); // stays in view when the next answer fails
    if (asked.data) last.current = asked.data;
    const c = last.current;
    useEffect(() => {
        document.title = `${c?.name ?? t('nav.citizens')} · Nhịp`;
        if (c && !c.whole) setLong(true);
    }, [c]);
    const opened = query.get('visit');
    const open = (visit: string): void => go(withQuery({ visit: visit === opened ? null : visit }), true);
    const step = (by: number): void => {
        const list = c?.visits ?? [];
        const at = list.findIndex((v) => v.id === opened);
        const next = list[at < 0 ? 0 : at + by];
        if (next && next.id !== opened) open(next.id);
    };
    useKeys(
        [
            { keys: 'j', label: 'keys.older', run: () => step(1) },
            { keys: 'k', label: 'keys.newer', run: () => step(-1) },
        ],
        [c, opened],
    );
    if (asked.error && !c) {
        return (
            <main id="main" class="page" tabIndex={-1}>
                <h1 class="sr">{t('nav.citizens')}</h1>
                <Problem failure={asked.error} retry={asked.error.status === 404 ? undefined : asked.retry} />
                <a href="/citizens">{t('nav.citizens')}</a>
            </main>
        );
    }
    return (
        <main id="main" class="citizen" tabIndex={-1} aria-busy={!c || (!c.whole && !asked.error)}>
            {c ? (
                <>
                    <Banner c={c} />
                    {asked.error && <Problem failure={asked.error} retry={asked.retry} />}
                    <Changed c={c} />
                    <Lifeline visits={c.visits} drugs={c.drugs} whole={c.whole} opened={opened} open={open} />
                    <div class="three">
                        <div class="column">
                            <Problems list={c.problems} whole={c.whole} />
                            <Drugs list={c.drugs} whole={c.whole} />
                        </div>
                        <Results list={c.results} whole={c.whole} />
                        <Visits c={c} opened={opened} open={open} />
                    </div>
                </>
            ) : (
                <div class="tile skeleton banner-skeleton" />
            )}
        </main>
    );
}

function Banner({ c }: { c: Citizen }): JSX.Element {
    const on = c.deceased ? `${dayOf(c.deceased)}-07-01`.slice(0, 10) : today();
    const cover = [...c.coverage].sort((a, b) => (b.to ?? '').localeCompare(a.to ?? ''))[0];
    const ended = cover?.to ? dayOf(cover.to) < today() : false;
    return (
        <header class="banner">
            <div class="banner-who">
                <h1>{c.name ?? '—'}</h1>
                <p>
                    <b>{date(c.birth)}</b> · {age(c.birth, on)} · {sexWord(c.sex)}
                    {c.deceased && <b> · {t('citizen.deceased', { date: date(c.deceased) })}</b>}
                </p>
            </div>
            <dl>
                <div class={c.allergies?.length ? 'danger' : ''}>
                    <dt>{t('citizen.allergies')}</dt>
                    <dd>
                        <StateMark state={c.allergies?.length ? 'alarm' : 'unknown'} />
                        {c.allergies?.length ? c.allergies.join(', ') : t(c.allergies ? 'citizen.no_allergies' : 'citizen.reading')}
                    </dd>
                </div>
                <div>
                    <dt>{t('citizen.blood_group')}</dt>
                    <dd>{c.blood_group ? <b>{c.blood_group}</b> : t(c.whole ? 'citizen.not_recorded' : 'citizen.reading')}</dd>
                </div>
                {c.identifiers.slice(0, 4).map((i) => (
                    <div class={i.kind === 'cccd' ? '' : 'desk-only'}>
                        <dt>{tOr(`matched.${i.kind}`) ?? i.kind}</dt>
                        <dd class="code">
                            {i.value.replace('|', ' · ')}
                            <Copy value={i.value.slice(i.value.indexOf('|') + 1)} label={tOr(`matched.${i.kind}`) ?? i.kind} />
                        </dd>
                    </div>
                ))}
                <div>
                    <dt>{t('citizen.insurance')}</dt>
                    <dd>
                        {cover ? (
                            <>
                                <StateMark state={ended ? 'watch' : 'normal'} />
                                {cover.to ? t(ended ? 'citizen.ended' : 'citizen.until', { date: date(cover.to) }) : t('citizen.no_end')}
                                {c.name && c.birth && <CardCheck key={c.id} card={cover.card} name={c.name} birth={c.birth} />}
                            </>
                        ) : (
                            t('citizen.not_recorded')
                        )}
                    </dd>
                </div>
                <div class="banner-address desk-only">
                    <dt>{t('citizen.address')}</dt>
                    <dd>{c.address ?? c.ward ?? t('citizen.not_recorded')}</dd>
                </div>
                {c.phone && (
                    <div class="desk-only">
                        <dt>{t('citizen.phone')}</dt>
                        <dd class="code">{c.phone}</dd>
                    </div>
                )}
            </dl>
        </header>
    );
}

/** What changed at the latest visit, in words. What is new is known when all that was before is read. */
function Changed({ c }: { c: Citizen }): JSX.Element | null {
    const visit = c.visits[0];
    if (!visit?.start) return null;
    const last = dayOf(visit.start);
    const known = c.whole && c.visits.length > 1;
    const fresh = (first: string | null): boolean => known && first !== null && dayOf(first) >= last;
    const problems = c.problems.filter((p) => fresh(p.first));
    const drugs = c.drugs.filter((d) => fresh(d.first));
    const outside = c.results.flatMap((r) => {
        const point = r.points[r.points.length - 1];
        if (!point || !isOutside(r, point[1])) return [];
        const day = dayOf(point[0]);
        return `${resultName(r)} ${measure(point[1])} ${r.unit ?? ''}${day === last ? '' : ` (${date(day)})`}`;
    });
    const part = (label: string, names: string[]): JSX.Element | null =>
        names.length === 0 ? null : (
            <div>
                <dt>{label}</dt>
                <dd>{names.slice(0, 4).join(' · ') + (names.length > 4 ? ` · +${names.length - 4}` : '')}</dd>
            </div>
        );
    return (
        <dl class="changed">
            <div>
                <dt>{t('citizen.latest')}</dt>
                <dd>
                    {date(last)} · {visit.facility_name ?? visit.facility} · {visit.diagnosis}
                </dd>
            </div>
            {part(t('citizen.new_problems'), problems.map((p) => `${p.icd} ${p.name ?? ''}`))}
            {part(t('citizen.new_drugs'), drugs.map((d) => d.name ?? d.code))}
            {part(t('citizen.outside'), outside)}
        </dl>
    );
}

const ageInDays = (iso: string | null): number => (iso ? daysBetween(dayOf(iso), today()) : Infinity);

/** Lists of a record that is read in part make no statement about the rest of it. */
interface ListProps<T> {
    list: T[];
    whole: boolean;
}

function Problems({ list, whole }: ListProps<Illness>): JSX.Element {
    const open = list.filter((p) => ageInDays(p.last) <= OPEN_DAYS).sort((a, b) => b.visits - a.visits);
    const past = list.filter((p) => ageInDays(p.last) > OPEN_DAYS);
    return (
        <section class="panel" aria-labelledby="problems-title">
            <h2 id="problems-title">
                {t('citizen.problems')} <span class="quiet">{t('citizen.within_year')}</span>
            </h2>
            {open.length === 0 && <p class="empty">{t(whole ? 'citizen.none_year' : 'citizen.reading')}</p>}
            <ProblemRows list={open} whole={whole} />
            {whole && past.length > 0 && (
                <details>
                    <summary>{t('citizen.before', { n: num(past.length) })}</summary>
                    <ProblemRows list={past} whole />
                </details>
            )}
        </section>
    );
}

function ProblemRows({ list, whole }: ListProps<Illness>): JSX.Element {
    return (
        <ul class="facts">
            {list.map((p) => (
                <li>
                    <span class="fact-name">
                        <b class="code">{p.icd}</b> {p.name}
                    </span>
                    <span class="quiet">
                        {whole && p.visits > 1 ? `${date(p.first)} – ${date(p.last)} · ${t('citizen.times', { n: num(p.visits) })}` : date(p.last)}
                    </span>
                </li>
            ))}
        </ul>
    );
}

function Drugs({ list, whole }: ListProps<Drug>): JSX.Element {
    const now = list.filter((d) => ageInDays(d.last) <= RECENT_DAYS);
    const past = list.filter((d) => ageInDays(d.last) > RECENT_DAYS);
    return (
        <section class="panel" aria-labelledby="drugs-title">
            <h2 id="drugs-title">
                {t('citizen.drugs')} <span class="quiet">{t('citizen.within_days', { n: RECENT_DAYS })}</span>
            </h2>
            {now.length === 0 && <p class="empty">{t(whole ? 'citizen.no_drugs' : 'citizen.reading')}</p>}
            <DrugRows list={now} whole={whole} />
            {whole && past.length > 0 && (
                <details>
                    <summary>{t('citizen.before', { n: num(past.length) })}</summary>
                    <DrugRows list={past} whole />
                </details>
            )}
        </section>
    );
}

function DrugRows({ list, whole }: ListProps<Drug>): JSX.Element {
    return (
        <ul class="facts">
            {list.map((d) => (
                <li>
                    <span class="fact-name">
                        <b>{d.name ?? d.code}</b>
                        {d.dose && <span> {d.dose}</span>}
                    </span>
                    <span class="quiet">
                        {whole && d.times > 1 ? `${t('citizen.since', { date: date(d.first) })} · ` : ''}
                        {t('citizen.last', { date: date(d.last) })}
                        {whole && ` · ${t('citizen.times', { n: num(d.times) })}`}
                    </span>
                </li>
            ))}
        </ul>
    );
}

interface VisitsProps {
    c: Citizen;
    opened: string | null;
    open: (id: string) => void;
}
const PAGE = 30;

function Visits({ c, opened, open }: VisitsProps): JSX.Element {
    const [shown, setShown] = useState(PAGE);
    const list = c.visits;
    const at = list.findIndex((v) => v.id === opened);
    const n = Math.max(shown, at + 1);
    return (
        <section class="panel visits" aria-labelledby="visits-title">
            <h2 id="visits-title">
                {t('citizen.visits')} <span class="quiet">{c.whole ? num(list.length) : t('citizen.reading')}</span>
            </h2>
            {list.length === 0 && c.whole && <p class="empty">{t('citizen.no_visits')}</p>}
            <ol>
                {list.slice(0, n).map((v) => (
                    <VisitItem key={v.id} citizen={c.id} visit={v} isOpen={v.id === opened} flip={() => open(v.id)} />
                ))}
            </ol>
            {list.length > n && (
                <button type="button" class="button" onClick={() => setShown(n + PAGE)}>
                    {t('action.more', { n: num(Math.min(PAGE, list.length - n)) })}
                </button>
            )}
        </section>
    );
}
