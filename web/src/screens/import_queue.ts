// Files on their way in, one after another, in order. They stand here and not in the screen: who looks at
// another page meanwhile, or changes the language, neither stops them nor loses what became of them.
import { asFailure, Failure, failureOf, type Report } from '../core/api';
import { Cell } from '../core/cell';
import { lang, t } from '../core/i18n';

export interface Job {
    key: number;
    file: File;
    sent: number; // 0 … 1
    state: 'waiting' | 'sending' | 'working' | 'done';
    report?: Report | undefined;
    failure?: Failure | undefined;
}

export const jobs = new Cell<Job[]>([]); // newest first
let lastKey = 0;
let running = false;

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
            if (request.status < 200 || request.status >= 300) return fail(failureOf(request.status, request.responseText));
            try {
                done(JSON.parse(request.responseText) as Report);
            } catch (e) {
                fail(asFailure(e));
            }
        };
        request.send(file);
    });
}

const change = (key: number, part: Partial<Job>): void => jobs.set(jobs.value.map((j) => (j.key === key ? { ...j, ...part } : j)));
const next = (): Job | undefined => [...jobs.value].reverse().find((j) => j.state === 'waiting');

async function run(): Promise<void> {
    if (running) return;
    running = true;
    for (let job = next(); job; job = next()) {
        const { key, file } = job;
        change(key, { state: 'sending', sent: 0 });
        const progress = (sent: number): void => change(key, sent < 1 ? { sent } : { sent, state: 'working' });
        const end: Partial<Job> = await send(file, progress).then(
            (report) => ({ report }),
            (failure: Failure) => ({ failure }),
        );
        change(key, { state: 'done', ...end });
    }
    running = false;
}

export function add(files: Iterable<File>): void {
    const fresh = [...files].map((file): Job => ({ key: ++lastKey, file, sent: 0, state: 'waiting' }));
    jobs.set([...fresh.reverse(), ...jobs.value]);
    void run();
}

export function again(key: number): void {
    change(key, { state: 'waiting', failure: undefined });
    void run();
}

addEventListener('beforeunload', (e) => {
    if (running) e.preventDefault(); // the browser asks first: files that wait would not be sent
});
