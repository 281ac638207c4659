// The operations page on a desk. One answer of the server feeds all tiles; a tile whose own filter
// is set is fed by the same question without that filter, so that the choice stays visible in it.
import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { type Asked, type FacilityName, type Ops, useAsk } from '../core/api';
import { ago, dateTime, num, period } from '../core/format';
import { lang, t } from '../core/i18n';
import { useKeys } from '../core/keys';
import { useGeneration, useLive, useNow } from '../core/live';
import { go, usePlace, withQuery } from '../core/router';
import { Icon } from '../ui/icons';
import { Problem } from '../ui/parts';
import type { GeoJson } from '../charts/geo';
import { FOLLOWED } from './followed';
import { type Chip, chips, DEFAULT_DAYS, daysOf, type Dimension, drop, isPeriod, isSet, needsLatest, opsPath, ownPeriod, type Period, PERIODS, removeLast } from './ops_state';
import { CurveTile, DiagnosisTile, FacilityTile, FigureTile, MapTile, PyramidTile } from './ops_tiles';

/** What each tile draws, and what they have in common. */
export interface Shared {
    ops: Ops;
    facts: string;
    span: string;
}

let noMap = false; // the server has none: asked once for all screens

export function useMap(): GeoJson | undefined {
    const asked = useAsk<GeoJson>(noMap ? null : '/api/map');
    if (asked.error?.status === 404) noMap = true;
    return asked.data?.features ? asked.data : undefined;
}

function useWithout(query: URLSearchParams, dimension: Dimension, latest: string | null, again: number, all: Ops): Ops {
    const path = isSet(query, dimension) ? opsPath(query, latest, dimension) : null;
    const asked = useAsk<Ops>(path, again);
    // Until the answer comes the tile keeps what it showed: its neighbours do not blink.
    const shown = useRef(all);
    if (!path) shown.current = all;
    else if (asked.data) shown.current = asked.data;
    return shown.current;
}

export function OpsScreen(): JSX.Element {
    const { query } = usePlace();
    const again = useGeneration();
    const [latest, setLatest] = useState<string | null>(null);
    // The last day with data moves on under a page that stays open.
    const base = useAsk<Ops>(needsLatest(query) || (ownPeriod(query) && !latest) ? '/api/ops?top=1' : null, again);
    const main = useAsk<Ops>(opsPath(query, latest), again);
    const asked = latest || !needsLatest(query) ? main : { ...base, data: undefined };
    useEffect(() => {
        const open = main.path && !/[?&]to=/.test(main.path) ? main.data : undefined; // without a period of ours
        const told = base.data ?? open;
        if (told) setLatest(told.to);
    }, [base.data, main.data]);
    useKeys([{ keys: 'Backspace', label: 'keys.backspace', run: removeLast }], []);
    useEffect(() => {
        document.title = `${t('nav.ops')} · Nhịp`;
    });
    const facilities = useAsk<FacilityName[]>('/api/facilities', Math.floor(again / 20));
    return (
        <main class="ops" id="main" tabIndex={-1}>
            <Head asked={asked} query={query} facilities={facilities.data ?? []} />
            {asked.error && <Problem failure={asked.error} retry={asked.retry} />}
            {asked.data?.totals.visits === 0 && <First />}
            {asked.data ? (
                <Tiles ops={asked.data} query={query} latest={latest} again={again} facilities={facilities.data ?? []} />
            ) : (
                !asked.error && <Skeleton />
            )}
        </main>
    );
}

/** Nothing stored yet: what will be here, and how to begin. */
function First(): JSX.Element {
    return (
        <div class="first">
            <p>{t('empty.first')}</p>
            <a class="button primary" href="/import">
                {t('empty.import')}
            </a>
        </div>
    );
}

function Skeleton(): JSX.Element {
    return (
        <div class="ops-grid" aria-busy="true" aria-label={t('state.loading')}>
            {['visits', 'inpatients', 'cost', 'insurance_paid', 'notifiable', 'map', 'curve', 'diagnoses', 'facilities', 'pyramid'].map((id) => (
                <div class={`tile skeleton tile-${id}`} />
            ))}
        </div>
    );
}

interface HeadProps {
    asked: Asked<Ops>;
    query: URLSearchParams;
    facilities: FacilityName[];
}

function Head({ asked, query, facilities }: HeadProps): JSX.Element {
    const ops = asked.data;
    return (
        <div class="ops-head">
            <div class="ops-title">
                <h1>{t('ops.title')}</h1>
                <p class="quiet">
                    {ops ? period(ops.from, ops.to) : t('state.loading')}
                    <Age of={ops?.as_of} />
                </p>
            </div>
            <LiveStrip />
            <PeriodPicker query={query} ops={ops} />
            <label class="field facility-filter">
                <span class="sr">{t('filter.facility')}</span>
                <select
                    value={query.get('facility') ?? ''}
                    onChange={(e) => go(withQuery({ facility: e.currentTarget.value || null }), true)}
                >
                    <option value="">{t('filter.all_facilities')}</option>
                    {facilities.map((f) => (
                        <option value={f.code}>{f.name}</option>
                    ))}
                </select>
            </label>
            <Chips query={query} ops={ops} facilities={facilities} />
            <div class={`progress ${asked.loading ? 'on' : ''}`} aria-hidden="true" />
        </div>
    );
}

/** How old the newest data is. It alone is drawn each second. */
function Age({ of }: { of: string | undefined }): JSX.Element | null {
    const at = useLive()?.time || of;
    const now = useNow();
    if (!at) return null;
    return (
        <>
            {' · '}
            <span class="age">{t('ops.age', { ago: ago(+now - Date.parse(at)) })}</span>
        </>
    );
}

function LiveStrip(): JSX.Element | null {
    const live = useLive();
    if (!live) return null;
    return (
        <dl class="live" aria-live="off">
            <div>
                <dt>{t('live.visits')}</dt>
                <dd data-live="visits">{num(live.visits)}</dd>
            </div>
            <div>
                <dt>{t('live.today')}</dt>
                <dd data-live="today">{num(live.visits_today)}</dd>
            </div>
            <div>
                <dt>{t('live.rate')}</dt>
                <dd>{num(live.visits_per_s, live.visits_per_s < 100 ? 1 : 0)}</dd>
            </div>
        </dl>
    );
}

function PeriodPicker({ query, ops }: { query: URLSearchParams; ops: Ops | undefined }): JSX.Element {
    const own = ownPeriod(query);
    const days = own ? 0 : daysOf(query);
    const shown = own ?? ops;
    const [open, setOpen] = useState(false);
    return (
        <div class="period" role="group" aria-label={t('filter.period')}>
            <div class="segments">
                {PERIODS.map((n) => (
                    <button
                        type="button"
                        aria-pressed={days === n}
                        onClick={() => {
                            setOpen(false);
                            go(withQuery({ from: null, to: null, days: n === DEFAULT_DAYS ? null : String(n) }), true);
                        }}
                    >
                        {n === 365 ? t('filter.year') : t('filter.days', { n })}
                    </button>
                ))}
                <button type="button" aria-pressed={own !== null} aria-expanded={open} onClick={() => setOpen(!open)}>
                    {t('filter.own')}
                </button>
            </div>
            {open && shown && <Dates from={shown.from} to={shown.to} />}
        </div>
    );
}

/** Both ends of a period. What is typed stands here, so that nothing that comes meanwhile takes it away. */
function Dates({ from, to }: Period): JSX.Element {
    const box = useRef<HTMLDivElement>(null);
    const [draft, setDraft] = useState<Period>({ from, to });
    useEffect(() => {
        if (!box.current?.contains(document.activeElement)) setDraft({ from, to });
    }, [from, to]);
    const edit = (part: Partial<Period>): void => {
        const next = { ...draft, ...part };
        setDraft(next);
        if (isPeriod(next)) go(withQuery({ ...next, days: null }), true);
    };
    const turned = isPeriod({ from: draft.to, to: draft.from }) && !isPeriod(draft);
    return (
        <div class="dates" ref={box}>
            <label>
                {t('filter.from')}
                <input type="date" value={draft.from} aria-invalid={turned} onInput={(e) => edit({ from: e.currentTarget.value })} />
            </label>
            <label>
                {t('filter.to')}
                <input type="date" value={draft.to} aria-invalid={turned} onInput={(e) => edit({ to: e.currentTarget.value })} />
            </label>
            <p role="status">{turned ? t('filter.order') : ''}</p>
        </div>
    );
}

function chipText(id: string, value: string, ops: Ops | undefined, facilities: FacilityName[]): string {
    if (id === 'period') return ops ? period(ops.from, ops.to) : value;
    if (id === 'ward') {
        const w = ops?.wards.find((x) => x.code === value);
        return w ? (lang() === 'en' ? w.name_en : w.name) : value;
    }
    if (id === 'facility') return facilities.find((f) => f.code === value)?.name ?? value;
    if (id === 'sex') return t(value === '1' ? 'sex.male' : 'sex.female');
    if (id === 'age') return t('age.band', { band: value });
    const followed = FOLLOWED.find((f) => f.icd === value);
    if (followed) return `${value} ${t(followed.name)}`;
    const d = ops?.diagnoses.find((x) => x.code === value);
    return d ? `${d.code} ${lang() === 'en' ? d.name_en : d.name}` : value;
}

function Chips({ query, ops, facilities }: { query: URLSearchParams; ops: Ops | undefined; facilities: FacilityName[] }): JSX.Element | null {
    const list: Chip[] = chips(query);
    if (list.length === 0) return null;
    return (
        <ul class="chips" aria-label={t('filter.active')}>
            {list.map((c) => {
                const text = chipText(c.id, query.get(c.names[0] ?? '') ?? '', ops, facilities);
                return (
                    <li>
                        <button type="button" class="chip" onClick={() => drop(c.names)} aria-label={t('filter.remove', { what: text })}>
                            <span>{text}</span>
                            <Icon name="close" size={14} />
                        </button>
                    </li>
                );
            })}
            {list.length > 1 && (
                <li>
                    <button type="button" class="link-button" onClick={() => drop(list.flatMap((c) => c.names))}>
                        {t('filter.clear')}
                    </button>
                </li>
            )}
        </ul>
    );
}

interface TilesProps {
    ops: Ops;
    query: URLSearchParams;
    latest: string | null;
    again: number;
    facilities: FacilityName[];
}

function Tiles({ ops, query, latest, again, facilities }: TilesProps): JSX.Element {
    const geo = useMap();
    const wards = useWithout(query, 'ward', latest, again, ops);
    const sites = useWithout(query, 'facility', latest, again, ops);
    const diagnoses = useWithout(query, 'icd', latest, again, ops);
    const people = useWithout(query, 'person', latest, again, ops);
    const shared = (o: Ops): Shared => {
        const sent = o.facilities.filter((f) => f.visits > 0).length;
        const filtered = Object.values(o.filters ?? {}).some((v) => v !== null);
        return {
            ops: o,
            span: period(o.from, o.to),
            facts: t(filtered ? 'tile.facts_filtered' : 'tile.facts', {
                time: dateTime(o.as_of),
                sent: num(sent),
                all: num(Math.max(sent, facilities.length)),
            }),
        };
    };
    return (
        <div class="ops-grid">
            {ops.figures.map((f) => (
                <FigureTile key={f.id} figure={f} {...shared(ops)} />
            ))}
            <MapTile {...shared(wards)} chosen={query.get('ward')} geo={geo} />
            <CurveTile {...shared(ops)} query={query} all={diagnoses} latest={latest ?? ops.to} />
            <DiagnosisTile {...shared(diagnoses)} chosen={query.get('icd')} />
            <FacilityTile {...shared(sites)} chosen={query.get('facility')} query={query} />
            <PyramidTile {...shared(people)} age={query.get('age')} sex={query.get('sex')} />
        </div>
    );
}
