// Beside the claim: what stands at the field in hand, what the citizen's record says, what the claim said before.
import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { type Citizen, useAsk, type VisitDetail } from '../core/api';
import { type ClaimTable, type ClaimVisit, type Draft, differences, type Finding, keyOf, placeOf, readable, sayOf, storedAt } from '../core/draft';
import { date, dateTime, money, num } from '../core/format';
import { t } from '../core/i18n';
import { FindingLine } from '../ui/finding';
import { Problem } from '../ui/parts';
import { sexWord } from './citizens';

const SHOWN = 60; // differences listed at once

interface Props {
    visit: ClaimVisit;
    schema: ClaimTable[];
    draft: Draft;
    findings: Finding[];
    at: string;
}

export function RepairSide(p: Props): JSX.Element {
    const [tab, setTab] = useState<'record' | 'former'>('record');
    return (
        <aside class="repair-side" aria-label={t('repair.beside')}>
            <Here {...p} />
            <div class="segments" role="group" aria-label={t('repair.compare')}>
                <button type="button" aria-pressed={tab === 'record'} onClick={() => setTab('record')}>
                    {t('repair.record_says')}
                </button>
                <button type="button" aria-pressed={tab === 'former'} onClick={() => setTab('former')}>
                    {t('repair.former')}
                </button>
            </div>
            {tab === 'record' ? <RecordSays {...p} /> : <Former {...p} />}
        </aside>
    );
}

/** The field in hand: what is wrong, what to do, by which rule. */
function Here({ schema, findings, at }: Props): JSX.Element {
    const place = placeOf(at);
    const f = schema.find((s) => s.table === place.table)?.fields.find((x) => x.field === place.field);
    if (!f) return <p class="quiet">{t('repair.choose')}</p>;
    return (
        <section class="here" aria-live="polite">
            <h2>
                {sayOf(f)} <span class="code quiet">{`${place.table}.${place.field}`}</span>
            </h2>
            {findings.length === 0 && <p class="quiet">{t('repair.nothing_here')}</p>}
            {findings.map((x) => (
                <div>
                    <FindingLine f={x} />
                    <p class="quiet">
                        <span class="code">{x.rule}</span> {x.law && `· ${x.law}`}
                    </p>
                </div>
            ))}
            <p class="quiet">
                {t(`kind.${f.kind}`)}
                {f.size > 0 && ` · ${t('repair.size', { n: f.size })}`}
                {f.required && ` · ${t('repair.required')}`}
            </p>
        </section>
    );
}

/** Names are written in capitals here and not there: that is no difference. */
const fold = (text: string): string => text.normalize('NFC').toLocaleLowerCase('vi').replace(/\s+/g, ' ').trim();

interface Line {
    label: string;
    says: string;
    claim?: string | undefined; // of the draft; undefined: nothing to compare with
}

/** 19900105 of the claim as the record writes it. */
const day = (claim: string): string => (/^\d{8}/.test(claim) ? `${claim.slice(0, 4)}-${claim.slice(4, 6)}-${claim.slice(6, 8)}` : claim);

function linesOf(p: Props, c: Citizen, detail: VisitDetail | undefined): Line[] {
    const x1 = p.schema.find((s) => s.table === 'XML1');
    const of = (field: string): string => p.draft.edits.get(keyOf({ table: 'XML1', record: 1, field })) ?? storedAt(p.visit.tables, x1, 1, field);
    const visit = c.visits.find((v) => v.id === p.visit.id);
    const cards = c.coverage.map((x) => x.card).filter(Boolean);
    const card = of('MA_THE_BHYT').split(';')[0] ?? '';
    const held = c.coverage.find((x) => x.card === card) ?? c.coverage[0];
    const sex = of('GIOI_TINH');
    const cccd = c.identifiers.find((x) => x.kind === 'cccd')?.value;
    const lines: Line[] = [
        { label: t('word.name'), says: c.name ?? '', claim: of('HO_TEN') },
        { label: t('word.birth'), says: date(c.birth), claim: date(day(of('NGAY_SINH'))) },
        { label: t('word.sex'), says: sexWord(c.sex), claim: sexWord(sex === '1' ? 'male' : sex === '2' ? 'female' : sex ? 'other' : null) },
        { label: 'CCCD', says: cccd ?? '', claim: of('SO_CCCD') },
        { label: t('word.card'), says: cards.join(', '), claim: cards.includes(card) ? cards.join(', ') : card },
        { label: t('word.card_days'), says: held ? `${date(held.from)} – ${date(held.to)}` : '', claim: undefined },
        { label: t('word.address'), says: c.address ?? '', claim: undefined },
        { label: t('word.phone'), says: c.phone ?? '', claim: undefined },
    ];
    if (visit) {
        lines.push({ label: t('word.arrival'), says: dateTime(visit.start) }, { label: t('word.discharge'), says: dateTime(visit.end) });
    }
    for (const d of detail?.diagnoses ?? []) lines.push({ label: t('word.diagnosis'), says: `${d.icd ?? ''} ${d.text ?? d.name ?? ''}`.trim() });
    if (detail?.claim) lines.push({ label: t('claims.total'), says: money(detail.claim.total) }, { label: t('claims.asked'), says: money(detail.claim.insurance) });
    return lines.filter((l) => l.says || l.claim);
}

function RecordSays(p: Props): JSX.Element {
    const base = `/api/citizens/${encodeURIComponent(p.visit.patient)}`;
    const asked = useAsk<Citizen>(p.visit.patient ? `${base}?newest=60` : null, p.visit.version);
    const detail = useAsk<VisitDetail>(p.visit.patient ? `${base}/visits/${encodeURIComponent(p.visit.id)}` : null, p.visit.version);
    if (asked.error) return <Problem failure={asked.error} retry={asked.retry} />;
    if (!asked.data) return <div class="skeleton-lines" aria-hidden="true" />;
    return (
        <>
            <dl class="pairs says">
                {linesOf(p, asked.data, detail.data).map((l) => {
                    const differs = l.claim !== undefined && l.claim !== '' && l.says !== '' && fold(l.claim) !== fold(l.says);
                    return (
                        <>
                            <dt>{l.label}</dt>
                            <dd class={differs ? 'differs' : ''}>
                                {l.says || '—'}
                                {differs && (
                                    <span>
                                        {t('repair.claim_says')} <b>{l.claim}</b>
                                    </span>
                                )}
                            </dd>
                        </>
                    );
                })}
            </dl>
            <a href={`/citizens/${encodeURIComponent(p.visit.patient)}`}>{t('repair.open_record')}</a>
        </>
    );
}

function Former({ visit, schema }: Props): JSX.Element {
    const asked = useAsk<ClaimVisit>(visit.version > 1 ? `/api/visits/${encodeURIComponent(visit.id)}/claim?version=${visit.version - 1}` : null, visit.mark);
    if (visit.version <= 1) return <p class="quiet">{t('repair.no_former')}</p>;
    if (asked.error) return <Problem failure={asked.error} retry={asked.retry} />;
    if (!asked.data) return <div class="skeleton-lines" aria-hidden="true" />;
    const list = differences(asked.data.tables, visit.tables, schema);
    return (
        <>
            <p class="quiet">{t('repair.former_of', { n: asked.data.version, when: dateTime(asked.data.written) })}</p>
            {list.length === 0 && <p>{t('repair.no_difference')}</p>}
            <ul class="differences">
                {list.slice(0, SHOWN).map((d) => {
                    const f = schema.find((s) => s.table === d.table)?.fields.find((x) => x.field === d.field);
                    return (
                        <li>
                            <span class="code quiet">{`${d.table}[${d.record}].${d.field}`}</span> {f && sayOf(f)}
                            <br />
                            <s>{(f && readable(f, d.before)) || t('repair.empty')}</s> → <b>{(f && readable(f, d.after)) || t('repair.empty')}</b>
                        </li>
                    );
                })}
            </ul>
            {list.length > SHOWN && <p class="quiet">{t('report.more', { n: num(list.length - SHOWN) })}</p>}
        </>
    );
}
