// What became of a claim file.
import type { JSX } from 'preact';
import type { Report } from '../core/api';
import { num } from '../core/format';
import { t } from '../core/i18n';
import { StateMark } from './icons';

const COUNTS = ['new', 'changed', 'same', 'rejected'] as const;

export function ReportView({ report: r }: { report: Report }): JSX.Element {
    const bad = r.claims.rejected > 0 || r.issues.some((i) => i.severity === 'error');
    const state = bad ? 'watch' : 'normal';
    const taken = r.claims.new + r.claims.changed + r.claims.same > 0;
    return (
        <div class={`report ${state}`} role="status">
            <p>
                <StateMark state={state} />
                <b>{r.known ? t('report.known') : t(!bad ? 'report.taken' : taken ? 'report.partly' : 'report.refused')}</b>
            </p>
            <dl>
                {COUNTS.map((k) => (
                    <div class={r.claims[k] === 0 ? 'zero' : ''}>
                        <dt>{t(`report.${k}`)}</dt>
                        <dd data-report={k}>{num(r.claims[k])}</dd>
                    </div>
                ))}
                <div class={r.resources === 0 ? 'zero' : ''}>
                    <dt>{t('report.resources')}</dt>
                    <dd>{num(r.resources)}</dd>
                </div>
            </dl>
            {r.issues.length > 0 && (
                <ul class="issues">
                    {r.issues.slice(0, 50).map((i) => (
                        <li>
                            <StateMark state={i.severity === 'error' ? 'alarm' : 'watch'} />
                            <span>
                                {i.what}{' '}
                                <span class="quiet code">
                                    {[i.ma_lk, i.table, i.line > 0 ? t('rejects.line', { n: i.line }) : '', i.field].filter(Boolean).join(' · ')}
                                </span>
                            </span>
                        </li>
                    ))}
                    {r.issues.length > 50 && <li>{t('report.more', { n: num(r.issues.length - 50) })}</li>}
                </ul>
            )}
        </div>
    );
}
