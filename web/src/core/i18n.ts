// Texts. Vietnamese first: its keys are the list that English must match (checked by the compiler).
import en from '../i18n/en.json';
import vi from '../i18n/vi.json';
import { keptCell, useCell } from './cell';

export type Key = keyof typeof vi;
export type Lang = 'vi' | 'en';

const texts: Record<Lang, Record<Key, string>> = { vi, en };
export const language = keptCell('nhip.language', 'vi');

export const lang = (): Lang => (language.value === 'en' ? 'en' : 'vi');
export const useLang = (): Lang => (useCell(language) === 'en' ? 'en' : 'vi');

/** The text of a key; {name} is replaced by vars.name, {name|day|days} by the word for one or for many. */
export function t(key: Key, vars?: Record<string, string | number>): string {
    const text = texts[lang()][key];
    if (!vars) return text;
    return text.replace(/\{(\w+)(?:\|(\w+)\|(\w+))?\}/g, (_, name: string, one?: string, many = '') => {
        const value = String(vars[name] ?? '');
        return one === undefined ? value : value === '1' ? one : many;
    });
}

/** The text of a key made from data, or undefined where there is none. */
export function tOr(key: string): string | undefined {
    return (texts[lang()] as Record<string, string>)[key];
}
