// One visit in the list: a line that opens in place.
import type { JSX } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { useAsk, type Visit, type VisitDetail } from '../core/api';
import { date, dateTime, dayOf, daysBetween, exact, money, num } from '../core/format';
import { t, tOr } from '../core/i18n';
import { resultName } from '../charts/trend';
import { Icon } from '../ui/icons';
import { Problem } from '../ui/parts';
import { workList } from './worklist';

export type VisitKind = 'AMB' | 'IMP' | 'EMER' | 'OTHER';

export const kindOf = (v: Visit): VisitKind =>
    v.kind === 'IMP' || v.kind === 'ACUTE' || v.kind === 'NONAC' ? 'IMP' : v.kind === 'EMER' ? 'EMER' : v.kind === 'AMB' ? 'AMB' : 'OTHER';

interface Props {
    citizen: string;
    visit: Visit;
    isOpen: boolean;
    flip: () => void;
}

export function VisitItem({ citizen, visit: v, isOpen, flip }: Props): JSX.Element {
    const ref = useRef<HTMLLIElement>(null);
    useLayoutEffect(() => {
        if (!isOpen) return;
        ref.current?.scrollIntoView({ block: 'nearest' });
        // Opened by a key, or in place of the one that had the focus: the keyboard goes on from here.
        const now = document.activeElement;
        if (now === document.body || now?.closest('.visit')) ref.current?.querySelector('button')?.focus({ preventScroll: true });
    }, [isOpen]);
    const nights = v.start && v.end ? daysBetween(dayOf(v.start), dayOf(v.end)) : 0;
    return (
        <li ref={ref} class={`visit kind-${kindOf(v)} ${isOpen ? 'open' : ''}`}>
            <button type="button" aria-expanded={isOpen} onClick={flip}>
                <i class="visit-mark" aria-hidden="true" />
                <span class="visit-date">
                    <b>{date(v.start)}</b>
                    <span class="quiet">
                        {tOr(`kind.${kindOf(v)}`)}
                        {nights > 0 && `, ${t('citizen.nights', { n: nights })}`}
                    </span>
                </span>
                <span class="visit-what">
                    <span>
                        <b class="code">{v.icd}</b> {v.diagnosis}
                        {v.others.length > 0 && <span class="quiet"> + {v.others.join(', ')}</span>}
                    </span>
                    <span class="quiet visit-where">
                        <span>{v.facility_name ?? v.facility}</span>
                        <span class="visit-cost">{money(v.cost)}</span>
                    </span>
                </span>
                <Icon name={isOpen ? 'down' : 'right'} size={14} />
            </button>
            {isOpen && <Detail citizen={citizen} id={v.id} />}
        </li>
    );
}

function Detail({ citizen, id }: { citizen: string; id: string }): JSX.Element {
    const asked = useAsk<VisitDetail>(`/api/citizens/${encodeURIComponent(citizen)}/visits/${encodeURIComponent(id)}`);
    const d = asked.data;
    if (asked.error) return <Problem failure={asked.error} retry={asked.retry} />;
    if (!d) return <div class="visit-detail skeleton-lines" aria-busy="true" />;
    return (
        <div class="visit-detail">
            {d.claim && (
                <p>
                    <a href={`/giam-dinh/${encodeURIComponent(id)}`} onClick={() => workList.set({ from: location.pathname + location.search, ids: [] })}>
                        {t('repair.open')}
                    </a>
                </p>
            )}
            <Part title={t('visit.diagnoses')} empty={d.diagnoses.length === 0}>
                <ul>
                    {d.diagnoses.map((x) => (
                        <li>
                            <b class="code">{x.icd}</b> {x.name}
                            {x.text && x.text !== x.name && <span class="quiet"> {x.text}</span>}
                        </li>
                    ))}
                </ul>
            </Part>
            <Part title={t('visit.drugs')} empty={d.drugs.length === 0}>
                <ul>
                    {d.drugs.map((x) => (
                        <li class="spread">
                            <span>
                                {x.name} {x.dose && <span class="quiet">{x.dose}</span>}
                            </span>
                            <span class="right">
                                {num(x.quantity, 3)} {x.unit}
                            </span>
                        </li>
                    ))}
                </ul>
            </Part>
            <Part title={t('visit.results')} empty={d.results.length === 0}>
                <ul class="two">
                    {d.results.map((x) => (
                        <li class="spread">
                            <span>{resultName(x)}</span>
                            <span class="right">
                                <b>{exact(x.value ?? '—')}</b> {x.unit}
                            </span>
                        </li>
                    ))}
                </ul>
            </Part>
            <Part title={t('visit.services')} empty={d.services.length === 0}>
                <ul>
                    {d.services.map((x) => (
                        <li class="spread">
                            <span>{x.name}</span>
                            <span class="right quiet">{dateTime(x.time)}</span>
                        </li>
                    ))}
                </ul>
            </Part>
            <Part title={t('visit.notes')} empty={d.notes.length === 0}>
                <ul>
                    {d.notes.map((x) => (
                        <li>
                            <span class="quiet">{dateTime(x.time)}</span>{' '}
                            {x.text}
                        </li>
                    ))}
                </ul>
            </Part>
            <Bill d={d} />
        </div>
    );
}

function Part({ title, empty, children }: { title: string; empty: boolean; children: JSX.Element }): JSX.Element | null {
    if (empty) return null;
    return (
        <section>
            <h3>{title}</h3>
            {children}
        </section>
    );
}

function Bill({ d }: { d: VisitDetail }): JSX.Element | null {
    const c = d.claim;
    if (!c) return null;
    const rows = (['total', 'insurance', 'copay', 'self', 'other'] as const).filter((k) => k === 'total' || (c[k] ?? 0) !== 0);
    return (
        <section>
            <h3>{t('visit.bill')}</h3>
            <dl class="bill">
                {rows.map((k) => (
                    <div>
                        <dt>{t(`bill.${k}`)}</dt>
                        <dd>{money(c[k])}</dd>
                    </div>
                ))}
            </dl>
            {d.lines && d.lines.length > 0 && (
                <details>
                    <summary>{t('visit.lines', { n: d.lines.length })}</summary>
                    <div class="scroll" tabIndex={0} role="region" aria-label={t('visit.bill')}>
                        <table class="numbers">
                            <thead>
                                <tr>
                                    <th scope="col">{t('word.item')}</th>
                                    <th scope="col" class="right">{t('word.quantity')}</th>
                                    <th scope="col" class="right">{t('word.price')}</th>
                                    <th scope="col" class="right">{t('word.amount')}</th>
                                </tr>
                            </thead>
                            <tbody>
                                {d.lines.map((l) => (
                                    <tr>
                                        <td title={tOr(`group.${l.group}`)}>{l.name ?? l.code}</td>
                                        <td class="right">{num(l.quantity, 3)}</td>
                                        <td class="right">{money(l.price)}</td>
                                        <td class="right">{money(l.cost)}</td>
                                    </tr>
                                ))}
                            </tbody>
                        </table>
                    </div>
                </details>
            )}
        </section>
    );
}
