// The wall: dark, in units of the screen's width, readable at five metres. Nobody's name, nothing
// below five. It turns every 30 seconds through the followed diseases and stops on an alarm.
import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { Failure, Figure, Ops } from '../core/api';
import { useAsk } from '../core/api';
import { ago, change, clock, date, moneyShort, NONE, num, period, today } from '../core/format';
import { type Key, t } from '../core/i18n';
import { useKeys } from '../core/keys';
import { useGeneration, useLive, useNow } from '../core/live';
import { go } from '../core/router';
import { WardMap } from '../charts/map';
import { SparkLine } from '../charts/spark';
import { WeekChart } from '../charts/weeks';
import { Connection } from '../ui/frame';
import { StateMark } from '../ui/icons';
import { Delta, Problem } from '../ui/parts';
import { type Followed, finding, FOLLOWED, judge, useFollowed, weeksSince } from './followed';
import { nameOf } from './ops_tiles';
import { useMap } from './ops';

const TURN_MS = 30000;
const LEAST = 5;

const told = (n: number): string => (n > 0 && n < LEAST ? `<${LEAST}` : num(n));
/** What is not told has one height. */
const veiled = (values: number[]): number[] => values.map((n) => (n > 0 && n < LEAST ? LEAST - 1 : n));
const isMoney = (f: Figure): boolean => f.id === 'cost' || f.id === 'insurance_paid';
/** No change where it would tell a small number. */
const changeTold = (now: number, before: number): number | null => (Math.min(now, before) < LEAST ? null : change(now, before));

export function WallScreen(): JSX.Element {
    const again = useGeneration();
    const [turn, setTurn] = useState(0);
    const [held, setHeld] = useState(false);
    const followed = useFollowed();
    const alarms = FOLLOWED.filter((f) => followed[f.icd]?.state === 'alarm');
    // Without alarms all views take turns; with alarms only the diseases in alarm are shown.
    const known = FOLLOWED.filter((f) => followed[f.icd]);
    const views = alarms.length > 0 ? alarms : [null, ...known];
    const disease = views[turn % views.length];
    const asked = useAsk<Ops>('/api/ops', again);
    const geo = useMap();
    useEffect(() => {
        document.title = `${t('nav.wall')} · Nhịp`;
        if (held || views.length < 2) return;
        const id = setInterval(() => setTurn((n) => n + 1), TURN_MS);
        return () => clearInterval(id);
    }, [held, views.length]);
    useKeys(
        [
            { keys: 'Escape', label: 'keys.leave', run: () => go('/') },
            { keys: ' ', label: 'keys.hold', run: () => setHeld((h) => !h) },
            { keys: 'ArrowRight', label: 'keys.next', run: () => setTurn((n) => n + 1) },
        ],
        [],
    );
    const ops = asked.data;
    const shown = (disease && followed[disease.icd]?.ops) ?? ops;
    const what = t(disease?.name ?? 'curve.all');
    if (!ops || !shown) return <Waiting failure={asked.error} />;
    const curve = t('curve.title', { what }) + finding(judge(shown), shown.to);
    return (
        <main id="main" class="wall">
            <h1 class="sr">{t('nav.wall')}</h1>
            <div class="wall-grid">
                {ops.figures.map((f) => (
                    <section class={`wall-tile wall-${f.id}`}>
                        <h2>{t(`figure.${f.id}` as Key)}</h2>
                        <p class="wall-value">{isMoney(f) ? moneyShort(f.value) : told(f.value)}</p>
                        <p class="wall-delta">
                            <Delta percent={changeTold(f.value, f.last_week)} /> <span>{t('compare.week')}</span>
                        </p>
                        <SparkLine values={isMoney(f) ? f.spark : veiled(f.spark)} />
                    </section>
                ))}
                <section class="wall-tile wall-map">
                    <h2>{t('wall.map', { what })}</h2>
                    <WardMap wards={shown.wards} chosen={null} geo={geo} title={t('map.title')} least={LEAST} />
                </section>
                <section class="wall-tile wall-curve">
                    <h2>{curve}</h2>
                    <WeekChart weeks={shown.weeks} to={shown.to} chosen={null} title={curve} least={LEAST} />
                </section>
                <section class="wall-tile wall-top">
                    <h2>{t('diagnoses.title')}</h2>
                    {ops.totals.visits === 0 && <p class="empty">{t('empty.first')}</p>}
                    <ol>
                        {ops.diagnoses
                            .filter((d) => d.visits >= LEAST)
                            .slice(0, 8)
                            .map((d) => (
                                <li>
                                    <span>{nameOf(d)}</span>
                                    <b>{num(d.visits)}</b>
                                    <Delta percent={changeTold(d.visits, d.previous)} />
                                </li>
                            ))}
                    </ol>
                </section>
            </div>
            <Strip ops={ops} followed={followed} held={held} />
        </main>
    );
}

/** Before the first answer: waiting, or why there is none; the question is asked again by itself. */
function Waiting({ failure }: { failure: Failure | undefined }): JSX.Element {
    return (
        <main id="main" class="wall" aria-busy={!failure}>
            <h1 class="sr">{t('nav.wall')}</h1>
            {failure && <Problem failure={failure} />}
        </main>
    );
}

/** Alarms first; silence is called calm only where every followed disease could be judged. */
function Alarms({ ops, followed }: { ops: Ops; followed: Record<string, Followed> }): JSX.Element {
    const of = (state: Followed['state']) => FOLLOWED.filter((f) => (followed[f.icd]?.state ?? 'unknown') === state);
    const alarms = of('alarm');
    const unknown = of('unknown');
    return (
        <div class={`wall-alarms ${alarms.length > 0 ? 'alarm' : ''}`} role="status">
            {alarms.map((f) => (
                <span>
                    <StateMark state="alarm" /> <b>{t(f.name)}</b>{' '}
                    {t('wall.since', { n: weeksSince(followed[f.icd]?.since, followed[f.icd]?.week, ops.to) })} · {t('wall.no_owner')}
                </span>
            ))}
            {alarms.length === 0 && unknown.length === 0 && (
                <span>
                    <StateMark state="normal" /> {t('wall.calm')}
                </span>
            )}
            {unknown.length > 0 && (
                <span>
                    <StateMark state="unknown" /> {t('wall.unknown', { what: unknown.map((f) => t(f.short)).join(', ') })}
                </span>
            )}
        </div>
    );
}

interface StripProps {
    ops: Ops;
    followed: Record<string, Followed>;
    held: boolean;
}

function Strip({ ops, followed, held }: StripProps): JSX.Element {
    const live = useLive();
    const now = useNow();
    const at = live?.time || ops.as_of;
    return (
        <footer class="wall-strip">
            <Alarms ops={ops} followed={followed} />
            <span>{period(ops.from, ops.to)}</span>
            {held && <span>{t('wall.held')}</span>}
            <span>{t('ops.age', { ago: at ? ago(+now - Date.parse(at)) : NONE })}</span>
            <Connection />
            <b class="wall-clock">
                {clock(now)} {date(today(now))}
            </b>
        </footer>
    );
}
