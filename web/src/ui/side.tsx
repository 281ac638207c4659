// What stands beside a list: its title, and the way out by the button or by Escape.
import type { ComponentChildren, JSX } from 'preact';
import { useLayoutEffect } from 'preact/hooks';
import { t } from '../core/i18n';
import { Icon } from './icons';

export function Side({ title, kind = '', close, children }: { title: string; kind?: string; close: () => void; children: ComponentChildren }): JSX.Element {
    useLayoutEffect(() => {
        const key = (e: KeyboardEvent): void => {
            if (e.key === 'Escape' && !e.defaultPrevented) close();
        };
        document.addEventListener('keydown', key);
        return () => document.removeEventListener('keydown', key);
    }, [close]);
    return (
        <aside class={`side ${kind}`} aria-labelledby="side-title">
            <header>
                <h2 id="side-title">{title}</h2>
                <button type="button" class="icon-button" aria-label={t('action.close')} onClick={close}>
                    <Icon name="close" />
                </button>
            </header>
            {children}
        </aside>
    );
}
