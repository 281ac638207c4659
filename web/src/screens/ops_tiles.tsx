// The ten tiles of the operations page.
import type { JSX } from 'preact';
import type { Diagnosis, Facility, Figure, Ops } from '../core/api';
import { addDays, change, money, moneyShort, num, period } from '../core/format';
import { type Key, lang, t } from '../core/i18n';
import { go, withQuery } from '../core/router';
import type { GeoJson } from '../charts/geo';
import { WardMap } from '../charts/map';
import { Pyramid } from '../charts/pyramid';
import { SparkBars, SparkLine } from '../charts/spark';
import { WeekChart } from '../charts/weeks';
import type { TableModel } from '../ui/table';
import { Tile } from '../ui/tile';
import { Delta } from '../ui/parts';
import { ownPeriod, toggle } from './ops_state';
import { ALARM_EXCESS, finding, FOLLOWED, judge, useFollowed } from './followed';
import { StateMark } from '../ui/icons';
import type { Shared } from './ops';

const isMoney = (id: Figure['id']): boolean => id === 'cost' || id === 'insurance_paid';
export const nameOf = (d: { name: string; name_en: string }): string => (lang() === 'en' ? d.name_en : d.name);

export function FigureTile({ figure, ops, facts, span }: Shared & { figure: Figure }): JSX.Element {
    const text = isMoney(figure.id) ? moneyShort : num;
    const exact = isMoney(figure.id) ? money(figure.value) : num(figure.value);
    const table: TableModel = {
        columns: [{ title: t('word.day'), kind: 'day' }, { title: t(`figure.${figure.id}` as Key), kind: isMoney(figure.id) ? 'money' : 'number' }],
        rows: figure.spark.map((v, i) => [addDays(ops.to, i - figure.spark.length + 1), v]),
    };
    return (
        <Tile
            id={figure.id}
            level="figure"
            title={t(`figure.${figure.id}` as Key)}
            note={span}
            info={t(`info.${figure.id}` as Key)}
            facts={facts}
            table={table}
        >
            <div class="figure">
                <p class="value" title={exact} data-figure={figure.id}>
                    {text(figure.value)}
                </p>
                <SparkLine values={figure.spark} />
            </div>
            <dl class="compare">
                <div>
                    <dt>{t('compare.week')}</dt>
                    <dd>
                        <Delta percent={change(figure.value, figure.last_week)} />
                    </dd>
                </div>
                <div>
                    <dt>{t('compare.year')}</dt>
                    <dd>
                        <Delta percent={change(figure.value, figure.last_year)} />
                    </dd>
                </div>
            </dl>
        </Tile>
    );
}

export function MapTile({ ops, facts, span, chosen, geo }: Shared & { chosen: string | null; geo: GeoJson | undefined }): JSX.Element {
    const sorted = [...ops.wards].sort((a, b) => b.visits - a.visits);
    const table: TableModel = {
        columns: [
            { title: t('word.commune') },
            { title: t('word.visits'), kind: 'number' },
            { title: t('chart.before'), kind: 'number' },
            { title: t('word.change_percent'), kind: 'number' },
        ],
        rows: sorted.map((w) => [nameOf(w), w.visits, w.previous, change(w.visits, w.previous)]),
    };
    return (
        <Tile id="map" title={t('map.title')} note={`${t('unit.visits_home')} · ${span}`} info={t('info.map')} facts={facts} table={table}>
            <WardMap wards={ops.wards} chosen={chosen} geo={geo} title={t('map.title')} choose={(code) => toggle({ ward: code })} />
        </Tile>
    );
}

interface CurveProps extends Shared {
    query: URLSearchParams;
    all: Ops; // under all filters but the diagnosis
    latest: string; // last day with data
}

export function CurveTile({ ops, facts, query, all, latest }: CurveProps): JSX.Element {
    const icd = query.get('icd');
    const followed = useFollowed();
    const known = FOLLOWED.find((f) => f.icd === icd);
    const diagnosis = all.diagnoses.find((d) => d.code === icd);
    const what = known ? t(known.name) : diagnosis ? nameOf(diagnosis) : (icd ?? t('curve.all'));
    const table: TableModel = {
        columns: [
            { title: t('word.week'), kind: 'week' },
            { title: t('word.from_day'), kind: 'day' },
            { title: t('word.visits'), kind: 'number' },
            { title: t('word.expected'), kind: 'number' },
            { title: t('word.low'), kind: 'number' },
            { title: t('word.high'), kind: 'number' },
            { title: t('word.alarm') },
        ],
        rows: ops.weeks.map((w) => [w.w, w.d, w.visits, w.expected ?? null, w.low ?? null, w.high ?? null, w.alarm ? t('word.yes') : '']),
    };
    const own = ownPeriod(query);
    const chosen = own && own.to === addDays(own.from, 6) ? own.from : null;
    const first = ops.weeks[0];
    // The weeks are whole ones, also where the period ends within one: only the last day with data cuts a week.
    const to = latest > ops.to ? latest : ops.to;
    const title = t('curve.title', { what }) + finding(judge({ ...ops, to }), to);
    return (
        <Tile
            id="curve"
            title={title}
            note={`${t('unit.visits_week')} · ${first ? period(first.d, ops.to) : ''}`}
            info={t('info.curve', { n: ALARM_EXCESS })}
            facts={facts}
            table={table}
        >
            <div class="followed" role="group" aria-label={t('curve.followed')}>
                <button type="button" aria-pressed={!icd} onClick={() => go(withQuery({ icd: null }), true)}>
                    {t('curve.all')}
                </button>
                {FOLLOWED.map((f) => {
                    const state = followed[f.icd]?.state ?? 'unknown';
                    return (
                        <button type="button" aria-pressed={icd === f.icd} onClick={() => toggle({ icd: f.icd })}>
                            <StateMark state={state} />
                            {t(f.short)}
                            <span class="sr">: {t(`state.${state}` as Key)}</span>
                        </button>
                    );
                })}
            </div>
            <WeekChart
                weeks={ops.weeks}
                to={to}
                chosen={chosen}
                title={title}
                choose={(w) => {
                    const same = chosen === w.d;
                    go(withQuery({ from: same ? null : w.d, to: same ? null : addDays(w.d, 6), days: null }), true);
                }}
            />
            <div class="legend" aria-hidden="true">
                <span>
                    <i class="swatch bar" />
                    {t('legend.week')}
                </span>
                <span>
                    <i class="swatch band" />
                    {t('legend.band')}
                </span>
                <span>
                    <StateMark state="alarm" />
                    {t('legend.alarm')}
                </span>
                <span>
                    <i class="swatch open" />
                    {t('legend.open')}
                </span>
            </div>
        </Tile>
    );
}

/** Why a list is empty: nothing is stored yet, or the filters leave nothing. */
const emptyWords = (ops: Ops): string => t(ops.totals.visits === 0 ? 'empty.first' : 'empty.period');

const changeTable = (list: Diagnosis[]): TableModel => ({
    columns: [
        { title: 'ICD-10' },
        { title: t('word.diagnosis') },
        { title: t('word.visits'), kind: 'number' },
        { title: t('chart.before'), kind: 'number' },
        { title: t('word.change_percent'), kind: 'number' },
    ],
    rows: list.map((d) => [d.code, nameOf(d), d.visits, d.previous, change(d.visits, d.previous)]),
});

export function DiagnosisTile({ ops, facts, span, chosen }: Shared & { chosen: string | null }): JSX.Element {
    const max = Math.max(1, ...ops.diagnoses.map((d) => d.visits));
    return (
        <Tile id="diagnoses" title={t('diagnoses.title')} note={`${t('unit.visits_main')} · ${span}`} info={t('info.diagnoses')} facts={facts} table={changeTable(ops.diagnoses)}>
            {ops.diagnoses.length === 0 && <p class="empty">{emptyWords(ops)}</p>}
            <ul class="bars">
                {ops.diagnoses.map((d) => (
                    <li>
                        <button type="button" aria-pressed={chosen === d.code} class={chosen && chosen !== d.code ? 'faded' : ''} onClick={() => toggle({ icd: d.code })}>
                            <span class="bar-name">
                                <b>{d.code}</b> {nameOf(d)}
                            </span>
                            <span class="bar-value">{num(d.visits)}</span>
                            <span class="bar-change">
                                <Delta percent={change(d.visits, d.previous)} />
                            </span>
                            <svg class="bar-line" aria-hidden="true">
                                <rect class="bar" width={`${(d.visits / max) * 100}%`} height="100%" />
                            </svg>
                        </button>
                    </li>
                ))}
            </ul>
        </Tile>
    );
}

const SORTS = ['name', 'visits', 'change', 'inpatients', 'cost'] as const;
type Sort = (typeof SORTS)[number];

function sortKey(f: Facility, sort: Sort): number | string {
    if (sort === 'name') return f.name;
    if (sort === 'change') return change(f.visits, f.previous) ?? -Infinity;
    return f[sort];
}

export function sortFacilities(list: Facility[], sort: Sort, up: boolean): Facility[] {
    const sign = up ? 1 : -1;
    return [...list].sort((a, b) => {
        const [x, y] = [sortKey(a, sort), sortKey(b, sort)];
        if (typeof x === 'string') return sign * x.localeCompare(String(y), 'vi');
        return sign * (x - Number(y)) || a.name.localeCompare(b.name, 'vi');
    });
}

export function FacilityTile({ ops, facts, span, chosen, query }: Shared & { chosen: string | null; query: URLSearchParams }): JSX.Element {
    const asked = query.get('sort') ?? '-visits';
    const up = !asked.startsWith('-');
    const sort = SORTS.find((s) => s === asked.replace('-', '')) ?? 'visits';
    const list = sortFacilities(ops.facilities, sort, up);
    const head: { id: Sort; label: string }[] = SORTS.map((id) => ({ id, label: t(`facilities.${id}`) }));
    const table: TableModel = {
        columns: [
            { title: t('word.code') },
            { title: t('facilities.name') },
            { title: t('facilities.visits'), kind: 'number' },
            { title: t('facilities.change'), kind: 'number' },
            { title: t('facilities.inpatients'), kind: 'number' },
            { title: t('facilities.cost'), kind: 'money' },
            { title: t('figure.insurance_paid'), kind: 'money' },
        ],
        rows: list.map((f) => [f.code, f.name, f.visits, change(f.visits, f.previous), f.inpatients, f.cost, f.insurance_paid]),
    };
    const by = (id: Sort): void => {
        const next = id === sort ? (up ? `-${id}` : id) : id === 'name' ? id : `-${id}`;
        go(withQuery({ sort: next === '-visits' ? null : next }), true);
    };
    return (
        <Tile id="facilities" isTable title={t('facilities.title')} note={`${t('facilities.count', { n: num(list.length) })} · ${span}`} info={t('info.facilities')} facts={facts} table={table}>
            <div class="scroll" tabIndex={0} role="region" aria-label={t('facilities.title')}>
                <table class="rows">
                    <thead>
                        <tr>
                            {head.map((c) => (
                                <th scope="col" class={c.id === 'name' ? 'frozen' : `right col-${c.id}`} aria-sort={c.id === sort ? (up ? 'ascending' : 'descending') : undefined}>
                                    <button type="button" onClick={() => by(c.id)}>
                                        {c.label}
                                        <span aria-hidden="true">{c.id === sort ? (up ? ' ↑' : ' ↓') : ''}</span>
                                    </button>
                                </th>
                            ))}
                            <th scope="col" class="col-spark">
                                {t('facilities.spark')}
                            </th>
                        </tr>
                    </thead>
                    <tbody>
                        {list.map((f) => (
                            <tr class={chosen === f.code ? 'chosen' : chosen ? 'faded' : ''} onClick={() => toggle({ facility: f.code })}>
                                <th scope="row" class="frozen">
                                    <button type="button" class="row-button" title={`${f.name} · ${f.code}`} aria-pressed={chosen === f.code} onClick={(e) => (e.stopPropagation(), toggle({ facility: f.code }))}>
                                        {f.name}
                                    </button>
                                </th>
                                <td class="right">{num(f.visits)}</td>
                                <td class="right col-change">
                                    <Delta percent={change(f.visits, f.previous)} />
                                </td>
                                <td class="right col-inpatients">{num(f.inpatients)}</td>
                                <td class="right col-cost" title={money(f.cost)}>
                                    {moneyShort(f.cost)}
                                </td>
                                <td class="col-spark">
                                    <SparkBars values={f.spark} />
                                </td>
                            </tr>
                        ))}
                    </tbody>
                </table>
                {list.length === 0 && <p class="empty">{emptyWords(ops)}</p>}
            </div>
        </Tile>
    );
}

export function PyramidTile({ ops, facts, span, age, sex }: Shared & { age: string | null; sex: string | null }): JSX.Element {
    const table: TableModel = {
        columns: [{ title: t('word.age') }, { title: t('sex.male'), kind: 'number' }, { title: t('sex.female'), kind: 'number' }],
        rows: ops.pyramid.map((b) => [b.age, b.male, b.female]),
    };
    return (
        <Tile id="pyramid" title={t('pyramid.title')} note={`${t('unit.visits')} · ${span}`} info={t('info.pyramid')} facts={facts} table={table}>
            <Pyramid bands={ops.pyramid} age={age} sex={sex} title={t('pyramid.title')} choose={(a, s) => toggle({ age: a, sex: s })} />
        </Tile>
    );
}

