// What a table would change, before anything is changed; a person's word takes it in.
import type { JSX } from 'preact';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { date, num } from '../core/format';
import { t } from '../core/i18n';
import { useKeys } from '../core/keys';
import { StateMark } from '../ui/icons';
import { Problem } from '../ui/parts';
import { useStep, WhoField, WhyField } from '../ui/undo';
import { type Column, shown } from './catalogues';

const KINDS = ['new', 'next', 'changed', 'ended'] as const;
type Kind = (typeof KINDS)[number];
interface Diff {
    kind: Kind;
    code: string;
    facility: string;
    name: string;
    since: string | null;
    until: string | null;
    changes: { column: string; before: string; after: string }[];
}
interface RowIssue {
    row: number;
    column: string;
    value: string;
    rule: string;
    what: string;
}
export interface Plan {
    plan: string;
    base: number;
    rows: number;
    same: number;
    bad: number;
    after: number;
    counts: Record<Kind, number>;
    taken: string[];
    left: string[];
    diffs: Diff[];
    issues: RowIssue[];
    issues_all: number;
}

export function PlanView({ of, plan, accept, drop }: { of: { columns: Column[] }; plan: Plan; accept: (why: string) => Promise<void>; drop: () => void }): JSX.Element {
    const [kind, setKind] = useState<Kind | ''>('');
    const { why, setWhy, busy, failure, run: step } = useStep();
    const head = useRef<HTMLHeadingElement>(null);
    const sum = KINDS.reduce((n, k) => n + plan.counts[k], 0);
    const diffs = plan.diffs.filter((d) => kind === '' || d.kind === kind);
    useLayoutEffect(() => head.current?.focus(), []);
    const run = async (): Promise<void> => {
        if (sum > 0) await step(accept);
    };
    useKeys(
        [
            { keys: 'a', label: 'catalog.accept', run: () => void run() },
            { keys: 'x', label: 'catalog.drop_plan', run: drop },
        ],
        [why, busy],
    );
    const state = plan.bad > 0 ? 'watch' : 'normal';
    return (
        <section aria-labelledby="plan-title">
            <h3 id="plan-title" ref={head} tabIndex={-1}>
                {t('catalog.preview')}
            </h3>
            <div class={`report ${state}`} role="status">
                <p>
                    <StateMark state={state} />
                    <b>{t(sum === 0 ? 'catalog.nothing' : 'catalog.not_yet', { n: num(plan.rows), after: num(plan.after) })}</b>
                </p>
                <dl>
                    {KINDS.map((k) => (
                        <div class={plan.counts[k] === 0 ? 'zero' : ''}>
                            <dt>{t(`catalog.kind_${k}`)}</dt>
                            <dd data-count={k}>{num(plan.counts[k])}</dd>
                        </div>
                    ))}
                    <div class={plan.same === 0 ? 'zero' : ''}>
                        <dt>{t('catalog.same')}</dt>
                        <dd>{num(plan.same)}</dd>
                    </div>
                    <div class={plan.bad === 0 ? 'zero' : ''}>
                        <dt>{t('catalog.bad')}</dt>
                        <dd data-count="bad">{num(plan.bad)}</dd>
                    </div>
                </dl>
                {plan.left.length > 0 && <p class="quiet">{t('catalog.left', { columns: plan.left.join(', ') })}</p>}
            </div>
            {plan.issues.length > 0 && <Issues plan={plan} />}
            {sum > 0 && (
                <>
                    <div class="segments" role="group" aria-label={t('catalog.changes')}>
                        <button type="button" aria-pressed={kind === ''} onClick={() => setKind('')}>
                            {t('catalog.all')} <b>{num(sum)}</b>
                        </button>
                        {KINDS.filter((k) => plan.counts[k] > 0).map((k) => (
                            <button type="button" aria-pressed={kind === k} onClick={() => setKind(k)}>
                                {t(`catalog.kind_${k}`)} <b>{num(plan.counts[k])}</b>
                            </button>
                        ))}
                    </div>
                    <Diffs of={of} diffs={diffs} />
                    {plan.diffs.length < sum && <p class="quiet">{t('catalog.first_of', { n: num(plan.diffs.length), all: num(sum) })}</p>}
                </>
            )}
            {failure && <Problem failure={failure} />}
            <form
                class="decide"
                onSubmit={(e) => {
                    e.preventDefault();
                    void run();
                }}
            >
                {sum > 0 && (
                    <>
                        <WhoField />
                        <WhyField required value={why} set={setWhy} />
                        <button type="submit" class="button primary" disabled={busy}>
                            {t('catalog.accept')} <kbd aria-hidden="true">a</kbd>
                        </button>
                    </>
                )}
                <button type="button" class="button" disabled={busy} onClick={drop}>
                    {t('catalog.drop_plan')} <kbd aria-hidden="true">x</kbd>
                </button>
            </form>
        </section>
    );
}

function Issues({ plan }: { plan: Plan }): JSX.Element {
    return (
        <details open={plan.issues.length <= 20}>
            <summary>{t('catalog.issues', { n: num(plan.issues_all) })}</summary>
            <div class="scroll short" tabIndex={0} role="region" aria-label={t('catalog.issues', { n: num(plan.issues_all) })}>
                <table class="numbers">
                    <thead>
                        <tr>
                            <th scope="col" class="right">{t('catalog.row')}</th>
                            <th scope="col">{t('catalog.column')}</th>
                            <th scope="col">{t('word.value')}</th>
                            <th scope="col">{t('catalog.to_do')}</th>
                        </tr>
                    </thead>
                    <tbody>
                        {plan.issues.map((i) => (
                            <tr>
                                <td class="right">{i.row || '—'}</td>
                                <td>{i.column || '—'}</td>
                                <td class="wrap">{i.value || '—'}</td>
                                <td class="wrap">
                                    {i.what} <span class="quiet code">{i.rule}</span>
                                </td>
                            </tr>
                        ))}
                    </tbody>
                </table>
            </div>
        </details>
    );
}

function Diffs({ of, diffs }: { of: { columns: Column[] }; diffs: Diff[] }): JSX.Element {
    const column = (id: string): Column | undefined => of.columns.find((c) => c.id === id);
    return (
        <div class="scroll short" tabIndex={0} role="region" aria-label={t('catalog.changes')}>
            <table class="numbers catalogue-diffs">
                <thead>
                    <tr>
                        <th scope="col">{t('word.kind')}</th>
                        <th scope="col">{t('word.code')}</th>
                        <th scope="col">{t('catalog.name')}</th>
                        <th scope="col">{t('catalog.changes')}</th>
                        <th scope="col">{t('catalog.from')}</th>
                        <th scope="col">{t('word.facility')}</th>
                    </tr>
                </thead>
                <tbody>
                    {diffs.map((d) => (
                        <tr data-kind={d.kind}>
                            <td>{t(`catalog.kind_${d.kind}`)}</td>
                            <td class="code">{d.code}</td>
                            <td class="wrap">{d.name || '—'}</td>
                            <td class="wrap">
                                {d.changes
                                    .filter((c) => c.column !== 'since')
                                    .map((c) => (
                                        <span class="change">
                                            {column(c.column)?.title}: <del>{shown(column(c.column), c.before)}</del> → <ins>{shown(column(c.column), c.after)}</ins>
                                        </span>
                                    ))}
                            </td>
                            <td>{d.since ? date(d.since) : '—'}</td>
                            <td>{d.facility || t('catalog.all_facilities')}</td>
                        </tr>
                    ))}
                </tbody>
            </table>
        </div>
    );
}
