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

/** The text of a key; {name} is replaced by vars.name. */
export function t(key: Key, vars?: Record<string, string | number>): string {
    const text = texts[lang()][key];
    return vars ? text.replace(/\{(\w+)\}/g, (_, name: string) => String(vars[name] ?? '')) : text;
}

/** The text of a key made from data, or undefined where there is none. */
export function tOr(key: string): string | undefined {
    return (texts[lang()] as Record<string, string>)[key];
}
