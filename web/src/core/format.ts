// Numbers, money, dates and ages as people here write them.
import { lang, t } from './i18n';

const cache = new Map<string, Intl.NumberFormat>();
function formatter(options: Intl.NumberFormatOptions): Intl.NumberFormat {
    const key = lang() + JSON.stringify(options);
    let f = cache.get(key);
    if (!f) {
        f = new Intl.NumberFormat(lang() === 'vi' ? 'vi-VN' : 'en-GB', options);
        cache.set(key, f);
    }
    return f;
}

export const NONE = '—';

export const num = (n: number | null | undefined, digits = 0): string =>
    n === null || n === undefined
        ? NONE
        : formatter({ minimumFractionDigits: 0, maximumFractionDigits: digits }).format(n);

/** A measured value: what is small keeps its digits (0,0004 is not 0). */
export const measure = (n: number | null | undefined): string => num(n, n && Math.abs(n) < 0.1 ? 6 : 3);

/** A number as it was written, with every digit: 5.60 → 5,60. Other texts stay. */
export function exact(text: string): string {
    const parts = /^(-?\d+)(?:\.(\d+))?$/.exec(text);
    if (!parts) return text;
    return num(Number(parts[1])) + (parts[2] ? (lang() === 'vi' ? ',' : '.') + parts[2] : '');
}

/** The same without zeros that say nothing: 10.000 of a claim is 10, which a reader here takes for ten thousand. */
export const quantity = (text: string): string => exact(/^-?\d+\.\d+$/.test(text) ? text.replace(/\.?0+$/, '') : text);

/** Exact đồng, with the fractions that prices and lines have: 1.250.000 ₫. */
export const money = (n: number | null | undefined): string =>
    n === null || n === undefined ? NONE : `${num(n, 3)}\u00a0₫`;

/** Three significant figures with the scale in words: 12,4 tỷ ₫. */
export function moneyShort(n: number | null | undefined): string {
    if (n === null || n === undefined) return NONE;
    const scale = n >= 1e9 ? 1e9 : n >= 1e6 ? 1e6 : 1;
    const value = n / scale;
    const digits = scale === 1 || value >= 100 ? 0 : value >= 10 ? 1 : 2;
    const word = scale === 1e9 ? t('unit.billion') : scale === 1e6 ? t('unit.million') : '';
    return `${num(value, digits)}${word ? '\u00a0' + word : ''}\u00a0₫`;
}

/** Change in percent of `before`, or null where there is nothing to compare with. */
export const change = (now: number, before: number | null | undefined): number | null =>
    before ? ((now - before) / before) * 100 : null;

export function percent(p: number | null): string {
    if (p === null) return NONE;
    const sign = p > 0 ? '+' : p < 0 ? '−' : '';
    return `${sign}${num(Math.abs(p), Math.abs(p) < 10 ? 1 : 0)}\u00a0%`;
}

/** Vietnam's date and time of day, wherever the screen stands (a wall's machine often runs on UTC). */
const inVietnam = (d: Date): string => new Date(d.getTime() + 7 * 3600000).toISOString();
export const clock = (d: Date): string => inVietnam(d).slice(11, 19);
/** Today in Vietnam as an ISO date. */
export const today = (d = new Date()): string => inVietnam(d).slice(0, 10);

/** An instant as it is read in Vietnam; our own zone and bare dates stay as they are written. */
function here(iso: string): string {
    const time = /T.*(Z|[+-]\d\d:\d\d)$/.test(iso) && !iso.endsWith('+07:00') ? Date.parse(iso) : NaN;
    return Number.isNaN(time) ? iso : inVietnam(new Date(time));
}
export const dayOf = (iso: string): string => here(iso).slice(0, 10);

/** 21/11/2026 from an ISO date or instant; a year or a month alone stays what it is. */
export function date(iso: string | null | undefined): string {
    if (!iso) return NONE;
    const [y, m, d] = dayOf(iso).split('-');
    return d ? `${d}/${m}/${y}` : m ? `${m}/${y}` : (y ?? NONE);
}

/** 21/11 */
export const dayMonth = (iso: string): string => `${iso.slice(8, 10)}/${iso.slice(5, 7)}`;

/** 10:42 */
export const time = (iso: string | null | undefined): string =>
    iso && iso.length >= 16 ? here(iso).slice(11, 16) : NONE;

export const dateTime = (iso: string | null | undefined): string =>
    iso && iso.length >= 16 ? `${time(iso)} ${date(iso)}` : date(iso);

/** Day arithmetic on ISO dates, free of time zones. */
export function addDays(iso: string, n: number): string {
    return new Date(Date.parse(`${iso}T00:00:00Z`) + n * 86400000).toISOString().slice(0, 10);
}
export const daysBetween = (from: string, to: string): number =>
    Math.round((Date.parse(`${to}T00:00:00Z`) - Date.parse(`${from}T00:00:00Z`)) / 86400000);

export function period(from: string, to: string): string {
    if (from === to) return date(from);
    const same = from.slice(0, 4) === to.slice(0, 4);
    return `${same ? dayMonth(from) : date(from)} – ${date(to)}`;
}

/** "2026-W43" → "tuần 43/2026". */
export const week = (w: string): string =>
    t('unit.week', { n: Number(w.slice(6)), year: w.slice(0, 4) });

/** Age on an ISO date in the words a clinician uses: days, months up to 72, years. */
export function age(birth: string | null | undefined, on: string): string {
    if (!birth) return NONE;
    const born = birth + '-07-01'.slice(Math.min(birth.length - 4, 6)); // a year alone, or a year and a month
    const [y = 0, m = 0, d = 0] = born.split('-').map(Number);
    const [year = 0, month = 0, day = 0] = on.split('-').map(Number);
    const months = Math.max(0, (year - y) * 12 + month - m - (day < d ? 1 : 0));
    if (months >= 72 || birth.length === 4) return t('age.years', { n: Math.floor(months / 12) });
    return months < 1 ? t('age.days', { n: Math.max(0, daysBetween(born, on)) }) : t('age.months', { n: months });
}

/** "3 giây", "5 phút", "2 giờ", "4 ngày": how old something is. */
export function ago(ms: number): string {
    const s = Math.max(0, Math.round(ms / 1000));
    if (s < 90) return t('ago.seconds', { n: s });
    if (s < 5400) return t('ago.minutes', { n: Math.round(s / 60) });
    if (s < 172800) return t('ago.hours', { n: Math.round(s / 3600) });
    return t('ago.days', { n: Math.round(s / 86400) });
}
