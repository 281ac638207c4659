// Import: drop claim files, see what became of each.
import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { useCell } from '../core/cell';
import { num } from '../core/format';
import { t } from '../core/i18n';
import { Icon } from '../ui/icons';
import { Problem } from '../ui/parts';
import { ReportView } from '../ui/report';
import { add, again, type Job, jobs } from './import_queue';

export function ImportScreen(): JSX.Element {
    const list = useCell(jobs);
    const [over, setOver] = useState(false);
    const input = useRef<HTMLInputElement>(null);
    useEffect(() => {
        document.title = `${t('nav.import')} · Nhịp`;
    }, []);
    return (
        // A file dropped beside the frame would be opened by the browser in place of this page.
        <main
            id="main"
            class="page import"
            tabIndex={-1}
            onDragOver={(e) => {
                e.preventDefault();
                setOver(true);
            }}
            onDragLeave={() => setOver(false)}
            onDrop={(e) => {
                e.preventDefault();
                setOver(false);
                if (e.dataTransfer) add(e.dataTransfer.files);
            }}
        >
            <h1>{t('nav.import')}</h1>
            <p class="quiet">{t('import.hint')}</p>
            <div class={`drop ${over ? 'over' : ''}`}>
                <Icon name="import" size={28} />
                <p>{t('import.drop')}</p>
                <button type="button" class="button primary" onClick={() => input.current?.click()}>
                    {t('import.choose')}
                </button>
                <input
                    ref={input}
                    class="sr"
                    type="file"
                    multiple
                    tabIndex={-1}
                    aria-label={t('import.choose')}
                    accept=".xml,.gz,.zip"
                    onChange={(e) => {
                        add(e.currentTarget.files ?? []);
                        e.currentTarget.value = '';
                    }}
                />
            </div>
            <Sum jobs={list} />
            <ul class="jobs">
                {list.map((j) => (
                    <li key={j.key}>
                        <p class="job-name">
                            <Icon name="file" size={16} />
                            <b>{j.file.name}</b>
                            <span class="quiet">{t('import.size', { n: num(j.file.size / 1024, 0) })}</span>
                            <span class="quiet job-state">{j.state === 'done' ? '' : t(`import.${j.state}`)}</span>
                        </p>
                        {(j.state === 'sending' || j.state === 'working') && (
                            <progress {...(j.state === 'sending' ? { value: j.sent } : {})} max={1} aria-label={j.file.name} />
                        )}
                        {j.failure && <Problem failure={j.failure} retry={() => again(j.key)} />}
                        {j.report && <ReportView report={j.report} />}
                    </li>
                ))}
            </ul>
        </main>
    );
}

function Sum({ jobs }: { jobs: Job[] }): JSX.Element | null {
    const done = jobs.filter((j) => j.state === 'done');
    if (done.length === 0) return null;
    const rejected = done.reduce((n, j) => n + (j.report?.claims.rejected ?? 0), 0);
    return (
        <p class="sum" role="status">
            {t('import.sum', {
                done: num(done.length),
                all: num(jobs.length),
                taken: num(done.reduce((n, j) => n + (j.report ? j.report.claims.new + j.report.claims.changed : 0), 0)),
            })}{' '}
            {rejected > 0 && <a href="/rejects">{t('import.rejected', { n: num(rejected) })}</a>}
        </p>
    );
}
