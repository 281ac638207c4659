// Import: drop claim files, see what became of each. Files go one after another, in order.
import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { Failure, failureOf, type Report } from '../core/api';
import { num } from '../core/format';
import { lang, t } from '../core/i18n';
import { Icon } from '../ui/icons';
import { Problem } from '../ui/parts';
import { ReportView } from '../ui/report';

interface Job {
    key: number;
    file: File;
    sent: number; // 0 … 1
    state: 'waiting' | 'sending' | 'working' | 'done';
    report?: Report;
    failure?: Failure;
}

function send(file: File, progress: (share: number) => void): Promise<Report> {
    return new Promise((done, fail) => {
        const request = new XMLHttpRequest();
        request.open('POST', '/import/claims');
        request.setRequestHeader('Accept-Language', lang());
        request.setRequestHeader('X-File-Name', encodeURIComponent(file.name));
        request.setRequestHeader('Content-Type', 'application/octet-stream');
        request.upload.onprogress = (e) => progress(e.lengthComputable ? e.loaded / e.total : 0);
        request.onerror = () => fail(new Failure(0, t('error.connection')));
        request.onload = () => {
            if (request.status >= 200 && request.status < 300) done(JSON.parse(request.responseText) as Report);
            else fail(failureOf(request.status, request.responseText));
        };
        request.send(file);
    });
}

let nextKey = 1;

export function ImportScreen(): JSX.Element {
    const [jobs, setJobs] = useState<Job[]>([]);
    const [over, setOver] = useState(false);
    const input = useRef<HTMLInputElement>(null);
    useEffect(() => {
        document.title = `${t('nav.import')} · Nhịp`;
    });
    const change = (key: number, part: Partial<Job>): void =>
        setJobs((list) => list.map((j) => (j.key === key ? { ...j, ...part } : j)));
    const add = (files: Iterable<File>): void => {
        const fresh = [...files].map((file): Job => ({ key: nextKey++, file, sent: 0, state: 'waiting' }));
        setJobs((list) => [...fresh.reverse(), ...list]);
    };
    const running = jobs.some((j) => j.state === 'sending' || j.state === 'working');
    const next = [...jobs].reverse().find((j) => j.state === 'waiting');
    useEffect(() => {
        if (running || !next) return;
        const { key, file } = next;
        change(key, { state: 'sending' });
        const progress = (sent: number): void => change(key, sent < 1 ? { sent } : { sent, state: 'working' });
        send(file, progress).then(
            (report) => change(key, { state: 'done', report }),
            (failure: Failure) => change(key, { state: 'done', failure }),
        );
    }, [running, next?.key]);
    return (
        <main id="main" class="page import" tabIndex={-1}>
            <h1>{t('nav.import')}</h1>
            <p class="quiet">{t('import.hint')}</p>
            <div
                class={`drop ${over ? 'over' : ''}`}
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
            <Sum jobs={jobs} />
            <ul class="jobs">
                {jobs.map((j) => (
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
                        {j.failure && <Problem failure={j.failure} retry={() => change(j.key, { state: 'waiting', failure: undefined as never })} />}
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
