// What the server answers (docs/screens-api.md) and how it is asked.
import { useEffect, useState } from 'preact/hooks';
import { lang, t, useLang } from './i18n';

export interface Figure {
    id: 'visits' | 'inpatients' | 'cost' | 'insurance_paid' | 'notifiable';
    value: number;
    last_week: number;
    last_year: number;
    spark: number[];
}
export interface Week {
    w: string;
    d: string;
    visits: number;
    low?: number;
    expected?: number;
    high?: number;
    alarm?: boolean;
}
export interface Diagnosis {
    code: string;
    name: string;
    name_en: string;
    visits: number;
    previous: number;
}
export interface Facility {
    code: string;
    name: string;
    visits: number;
    inpatients: number;
    cost: number;
    insurance_paid: number;
    previous: number;
    spark: number[];
}
export interface Band {
    age: string;
    male: number;
    female: number;
}
export interface Ward {
    code: string;
    name: string;
    name_en: string;
    visits: number;
    previous: number;
    column: number;
    row: number;
}
export interface Ops {
    as_of?: string; // missing while nothing is stored
    filters?: Record<string, string | null>;
    from: string;
    to: string;
    totals: { visits: number; records: number };
    figures: Figure[];
    days: { d: string; visits: number; inpatients: number; cost: number }[];
    weeks: Week[];
    diagnoses: Diagnosis[];
    facilities: Facility[];
    pyramid: Band[];
    wards: Ward[];
}
export interface FacilityName {
    code: string;
    name: string;
}
export interface CitizenHit {
    id: string;
    name: string | null;
    birth: string | null;
    sex: string | null;
    ward: string | null;
    cccd: string | null;
    card: string | null;
    matched: string;
}
export interface Visit {
    id: string;
    start: string | null;
    end: string | null;
    kind: string | null;
    type: string | null;
    facility: string | null;
    facility_name: string | null;
    icd: string | null;
    diagnosis: string | null;
    others: string[];
    cost: number | null;
    insurance_paid: number | null;
}
export interface Problem {
    icd: string;
    name: string | null;
    first: string | null;
    last: string | null;
    visits: number;
}
export interface Drug {
    code: string;
    name: string | null;
    first: string | null;
    last: string | null;
    times: number;
    dose: string | null;
    given: [string, number][]; // day, and for how many days (0: not said), oldest first
}
export interface Result {
    code: string;
    name: string | null;
    unit: string | null;
    low: number | null;
    high: number | null;
    points: [string, number][];
}
export interface Citizen {
    id: string;
    name: string | null;
    birth: string | null;
    sex: string | null;
    deceased: string | null;
    ward: string | null;
    address: string | null;
    phone: string | null;
    identifiers: { kind: string; value: string }[];
    coverage: {
        card: string;
        from: string | null;
        to: string | null;
        facility: string | null;
        facility_name?: string | null;
    }[];
    visits: Visit[];
    problems: Problem[];
    drugs: Drug[];
    results: Result[];
    blood_group: string | null;
    /** null: not all is read yet */
    allergies: string[] | null;
    whole: boolean;
}
export interface VisitDetail {
    id: string;
    diagnoses: { icd: string | null; name: string | null; text?: string | null }[];
    drugs: { name: string | null; dose: string | null; quantity: number | null; unit: string | null }[];
    services: { code: string | null; name: string | null; time: string | null }[];
    results: {
        code: string | null;
        name: string | null;
        value: string | null;
        unit: string | null;
        time: string | null;
    }[];
    notes: { time: string | null; text: string | null }[];
    claim?: Record<'total' | 'insurance' | 'copay' | 'self' | 'other', number | null>;
    lines?: {
        group: string | null;
        code: string | null;
        name: string | null;
        quantity: number | null;
        price: number | null;
        cost: number | null;
    }[];
}
export interface Reject {
    id: number;
    time: string;
    settled: boolean;
    file: string;
    ma_lk: string;
    table: string;
    line: number;
    field: string;
    rule: string;
    what: string;
}
export interface Rejects {
    open: number;
    settled: number;
    rejects: Reject[];
}
export interface Issue {
    severity: 'error' | 'warning';
    file?: string;
    ma_lk: string;
    table: string;
    field: string;
    line: number;
    rule: string;
    what: string;
}
export interface Report {
    file: string;
    known?: boolean;
    claims: { new: number; changed: number; same: number; rejected: number };
    resources: number;
    issues: Issue[];
}

/** A refusal or a lost connection, in words for the reader. */
export class Failure extends Error {
    constructor(
        readonly status: number,
        message: string,
    ) {
        super(message);
    }
}

interface Outcome {
    issue?: { diagnostics?: string; details?: { text?: string } }[];
}

export function failureOf(status: number, body: string): Failure {
    let words: string | undefined;
    try {
        const issue = (JSON.parse(body) as Outcome).issue?.[0];
        words = issue?.details?.text ?? issue?.diagnostics;
    } catch {
        words = undefined;
    }
    return new Failure(status, words || t(status === 404 ? 'error.missing' : 'error.server', { status }));
}

/** What went wrong, whatever was thrown: an answer that cannot be read is a failure too. */
export const asFailure = (e: unknown): Failure => (e instanceof Failure ? e : new Failure(0, t('error.answer')));

export async function ask(path: string, init: RequestInit = {}): Promise<Response> {
    let response: Response;
    try {
        response = await fetch(path, {
            ...init,
            headers: { 'Accept-Language': lang(), ...init.headers },
        });
    } catch (e) {
        if (e instanceof DOMException && e.name === 'AbortError') throw e;
        throw new Failure(0, t('error.connection'));
    }
    if (!response.ok) throw failureOf(response.status, await response.text());
    return response;
}

export const askJson = async <T>(path: string, init?: RequestInit): Promise<T> =>
    (await (await ask(path, init)).json()) as T;

export interface Asked<T> {
    data: T | undefined; // the last good answer, also while the next one is on its way
    error: Failure | undefined;
    loading: boolean;
    path: string | null; // what `data` answers
    retry: () => void; // asks again
}

type Answer<T> = Omit<Asked<T>, 'retry'>;
const NOTHING = { data: undefined, error: undefined, loading: false, path: null };

/** Asks when the path, the language or `again` changes. The last value stands until the next comes. */
export function useAsk<T>(path: string | null, again: unknown = 0): Asked<T> {
    const language = useLang();
    const [tries, setTries] = useState(0);
    const [state, setState] = useState<Answer<T>>({ ...NOTHING, loading: path !== null });
    useEffect(() => {
        if (path === null) {
            setState(NOTHING);
            return;
        }
        const stop = new AbortController();
        setState((s) => ({ ...s, loading: true }));
        askJson<T>(path, { signal: stop.signal }).then(
            (data) => setState({ data, error: undefined, loading: false, path }),
            (e: unknown) => {
                if (stop.signal.aborted) return;
                const error = asFailure(e);
                setState((s) => ({
                    ...s,
                    data: s.path === path ? s.data : undefined,
                    error,
                    loading: false,
                }));
            },
        );
        return () => stop.abort();
    }, [path, again, language, tries]);
    return { ...state, retry: () => setTries((n) => n + 1) };
}
