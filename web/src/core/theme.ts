// Light or dark: as the system says until the reader chooses.
import { keptCell } from './cell';

export const theme = keptCell('nhip.theme', 'auto');
const dark = matchMedia('(prefers-color-scheme: dark)');

export const isDark = (): boolean =>
    theme.value === 'dark' || (theme.value === 'auto' && dark.matches);

export function applyTheme(): void {
    const wall = location.pathname === '/wall';
    document.documentElement.dataset['theme'] = wall || isDark() ? 'dark' : 'light';
}

export function startTheme(): void {
    applyTheme();
    theme.watch(applyTheme);
    dark.addEventListener('change', applyTheme);
}

export const flipTheme = (): void => theme.set(isDark() ? 'light' : 'dark');
