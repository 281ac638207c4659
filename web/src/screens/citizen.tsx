// A citizen's lifelong record on one screen: who is it, what is dangerous, what is open, what changed.
import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { type Citizen, type Drug, type Problem as Illness, useAsk, type Visit } from '../core/api';
import { age, date, daysBetween, num } from '../core/format';
import { t, tOr } from '../core/i18n';
import { useKeys } from '../core/keys';
import { useGeneration } from '../core/live';
import { go, usePlace, withQuery } from '../core/router';
import { Lifeline } from '../charts/lifeline';
import { resultName, Results } from '../charts/trend';
import { StateMark } from '../ui/icons';
import { Copy, Problem } from '../ui/parts';
import { sexWord } from './citizens';
import { VisitItem } from './visit';

const RECENT_DAYS = 90;
const OPEN_DAYS = 365;
/** So many records come at once, whatever the length of the life; then all of it. */
const FIRST_RECORDS = 60;

export function CitizenScreen({ id }: { id: string }): JSX.Element {
    const { query } = usePlace();
    const again = useGeneration();
    const path = `/api/citizens/${encodeURIComponent(id)}`;
    const asked = useAsk<Citizen>(`${path}?newest=${FIRST_RECORDS}`, again);
    const all = useAsk<Citizen>(asked.data && !asked.data.whole ? path : null, again);
    const c = all.data && all.path === path ? all.data : asked.data;
    useEffect(() => {
        document.title = `${c?.name ?? t('nav.citizens')} · Nhịp`;
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
                <Problem failure={asked.error} retry={asked.retry} />
            </main>
        );
    }
    return (
        <main id="main" class="citizen" tabIndex={-1} aria-busy={!c?.whole}>
            {c ? (
                <>
                    <Banner c={c} />
                    {all.error && !c.whole && <Problem failure={all.error} retry={all.retry} />}
                    <Changed c={c} />
                    <Lifeline visits={c.visits} drugs={c.drugs} opened={opened} open={open} />
                    <div class="three">
                        <div class="column">
                            <Problems list={c.problems} />
                            <Drugs list={c.drugs} />
                        </div>
                        <Results list={c.results} />
                        <Visits id={c.id} list={c.visits} opened={opened} open={open} />
                    </div>
                </>
            ) : (
                <div class="tile skeleton banner-skeleton" />
            )}
        </main>
    );
}

function Banner({ c }: { c: Citizen }): JSX.Element {
    const now = c.deceased ? new Date(c.deceased) : new Date();
    const cover = [...c.coverage].sort((a, b) => (b.to ?? '').localeCompare(a.to ?? ''))[0];
    const ended = cover?.to ? cover.to.slice(0, 10) < new Date().toISOString().slice(0, 10) : false;
    return (
        <header class="banner">
            <div class="banner-who">
                <h1>{c.name ?? '—'}</h1>
                <p>
                    <b>{date(c.birth)}</b> · {age(c.birth, now)} · {sexWord(c.sex)}
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

const lastDay = (c: Citizen): string | null => c.visits[0]?.start?.slice(0, 10) ?? null;

/** What changed at the latest visit, in words. */
function Changed({ c }: { c: Citizen }): JSX.Element | null {
    const last = lastDay(c);
    const visit = c.visits[0];
    if (!last || !visit) return null;
    const fresh = (first: string | null): boolean => first !== null && daysBetween(first.slice(0, 10), last) <= 0;
    const problems = c.visits.length > 1 ? c.problems.filter((p) => fresh(p.first)) : [];
    const drugs = c.visits.length > 1 ? c.drugs.filter((d) => fresh(d.first)) : [];
    const outside = c.results.filter((r) => {
        const point = r.points[r.points.length - 1];
        return point && ((r.high !== null && point[1] > r.high) || (r.low !== null && point[1] < r.low));
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
            {part(t('citizen.outside'), outside.map((r) => `${resultName(r)} ${num(r.points[r.points.length - 1]?.[1], 2)} ${r.unit ?? ''}`))}
        </dl>
    );
}

const ageInDays = (iso: string | null): number =>
    iso ? daysBetween(iso.slice(0, 10), new Date().toISOString().slice(0, 10)) : Infinity;

function Problems({ list }: { list: Illness[] }): JSX.Element {
    const open = list.filter((p) => ageInDays(p.last) <= OPEN_DAYS).sort((a, b) => b.visits - a.visits);
    const past = list.filter((p) => ageInDays(p.last) > OPEN_DAYS);
    return (
        <section class="panel" aria-labelledby="problems-title">
            <h2 id="problems-title">
                {t('citizen.problems')} <span class="quiet">{t('citizen.within_year')}</span>
            </h2>
            {open.length === 0 && <p class="empty">{t('citizen.none_year')}</p>}
            <ProblemRows list={open} />
            {past.length > 0 && (
                <details>
                    <summary>{t('citizen.before', { n: past.length })}</summary>
                    <ProblemRows list={past} />
                </details>
            )}
        </section>
    );
}

function ProblemRows({ list }: { list: Illness[] }): JSX.Element {
    return (
        <ul class="facts">
            {list.map((p) => (
                <li>
                    <span class="fact-name">
                        <b class="code">{p.icd}</b> {p.name}
                    </span>
                    <span class="quiet">
                        {p.visits > 1 ? `${date(p.first)} – ${date(p.last)} · ${t('citizen.times', { n: num(p.visits) })}` : date(p.last)}
                    </span>
                </li>
            ))}
        </ul>
    );
}

function Drugs({ list }: { list: Drug[] }): JSX.Element {
    const now = list.filter((d) => ageInDays(d.last) <= RECENT_DAYS);
    const past = list.filter((d) => ageInDays(d.last) > RECENT_DAYS);
    return (
        <section class="panel" aria-labelledby="drugs-title">
            <h2 id="drugs-title">
                {t('citizen.drugs')} <span class="quiet">{t('citizen.within_days', { n: RECENT_DAYS })}</span>
            </h2>
            {now.length === 0 && <p class="empty">{t('citizen.no_drugs')}</p>}
            <DrugRows list={now} />
            {past.length > 0 && (
                <details>
                    <summary>{t('citizen.before', { n: past.length })}</summary>
                    <DrugRows list={past} />
                </details>
            )}
        </section>
    );
}

function DrugRows({ list }: { list: Drug[] }): JSX.Element {
    return (
        <ul class="facts">
            {list.map((d) => (
                <li>
                    <span class="fact-name">
                        <b>{d.name ?? d.code}</b>
                        {d.dose && <span> {d.dose}</span>}
                    </span>
                    <span class="quiet">
                        {d.times > 1 ? `${t('citizen.since', { date: date(d.first) })} · ` : ''}
                        {t('citizen.last', { date: date(d.last) })} · {t('citizen.times', { n: num(d.times) })}
                    </span>
                </li>
            ))}
        </ul>
    );
}

interface VisitsProps {
    id: string;
    list: Visit[];
    opened: string | null;
    open: (id: string) => void;
}
const PAGE = 30;

function Visits({ id, list, opened, open }: VisitsProps): JSX.Element {
    const [shown, setShown] = useState(PAGE);
    const at = list.findIndex((v) => v.id === opened);
    const n = Math.max(shown, at + 1);
    return (
        <section class="panel visits" aria-labelledby="visits-title">
            <h2 id="visits-title">
                {t('citizen.visits')} <span class="quiet">{num(list.length)}</span>
            </h2>
            {list.length === 0 && <p class="empty">{t('citizen.no_visits')}</p>}
            <ol>
                {list.slice(0, n).map((v) => (
                    <VisitItem key={v.id} citizen={id} visit={v} isOpen={v.id === opened} flip={() => open(v.id)} />
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
