// What stands around every screen: rail or bottom bar, top bar with search, connection, language.
import type { ComponentChildren, JSX } from 'preact';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { keptCell, useCell } from '../core/cell';
import { num } from '../core/format';
import { type Key, language, t, useLang } from '../core/i18n';
import { allBindings, helpOpen } from '../core/keys';
import { useLink, useLive } from '../core/live';
import { go, usePlace } from '../core/router';
import { flipTheme, isDark, theme } from '../core/theme';
import { Icon, type IconName, StateMark } from './icons';
import { UndoBar } from './undo';

interface NavItem {
    to: string;
    label: Key;
    icon: IconName;
    phone?: boolean;
}
const places: NavItem[] = [
    { to: '/', label: 'nav.ops', icon: 'ops', phone: true },
    { to: '/citizens', label: 'nav.citizens', icon: 'people', phone: true },
    { to: '/rejects', label: 'nav.rejects', icon: 'rejects', phone: true },
    { to: '/import', label: 'nav.import', icon: 'import', phone: true },
    { to: '/giam-dinh', label: 'nav.claims', icon: 'claims' },
    { to: '/quyet-toan', label: 'nav.settle', icon: 'settle' },
    { to: '/trung-ho-so', label: 'nav.mpi', icon: 'pair' },
    { to: '/danh-muc', label: 'nav.catalogues', icon: 'list' },
    { to: '/cong-giam-dinh', label: 'nav.outgoing', icon: 'outgoing' },
    { to: '/wall', label: 'nav.wall', icon: 'wall' },
];
const rail = keptCell('nhip.rail', 'narrow');

export function Frame({ children }: { children: ComponentChildren }): JSX.Element {
    const wide = useCell(rail) === 'wide';
    return (
        <div class={`frame ${wide ? 'rail-wide' : ''}`}>
            <a class="skip" href="#main">
                {t('nav.skip')}
            </a>
            <TopBar />
            <Nav wide={wide} />
            {children}
            <UndoBar />
        </div>
    );
}

function Nav({ wide }: { wide: boolean }): JSX.Element {
    const { path } = usePlace();
    const rejects = useLive()?.rejects_open ?? 0;
    const here = (to: string): boolean => (to === '/' ? path === '/' : path.startsWith(to));
    return (
        <nav class="nav" aria-label={t('nav.main')}>
            {places.map((p) => (
                <a href={p.to} class={p.phone ? '' : 'desk-only'} aria-current={here(p.to) ? 'page' : undefined}>
                    <Icon name={p.icon} />
                    <span>{t(p.label)}</span>
                    {p.to === '/rejects' && rejects > 0 && <b class="count">{num(rejects)}</b>}
                </a>
            ))}
            <More />
            <button type="button" class="desk-only rail-flip" aria-pressed={wide} onClick={() => rail.set(wide ? 'narrow' : 'wide')}>
                <Icon name="rail" />
                <span>{t(wide ? 'nav.narrow' : 'nav.wide')}</span>
            </button>
        </nav>
    );
}

/** On phones: the places that the bottom bar has no room for. */
function More(): JSX.Element {
    const { path } = usePlace();
    const [open, setOpen] = useState(false);
    const box = useRef<HTMLDivElement>(null);
    const rest = places.filter((p) => !p.phone);
    useLayoutEffect(() => setOpen(false), [path]);
    useLayoutEffect(() => {
        if (!open) return undefined;
        const close = (e: Event): void => {
            const key = e instanceof KeyboardEvent;
            const away = key ? e.key === 'Escape' && !e.defaultPrevented : !box.current?.contains(e.target as Node);
            if (!away) return;
            setOpen(false);
            if (!key) return;
            e.preventDefault(); // what is beneath stays open
            box.current?.querySelector('button')?.focus();
        };
        document.addEventListener('keydown', close, true);
        document.addEventListener('pointerdown', close);
        return () => {
            document.removeEventListener('keydown', close, true);
            document.removeEventListener('pointerdown', close);
        };
    }, [open]);
    return (
        <div class="nav-more phone-only" ref={box}>
            <button type="button" aria-expanded={open} aria-current={rest.some((p) => path.startsWith(p.to)) ? 'true' : undefined} onClick={() => setOpen(!open)}>
                <Icon name="more" />
                <span>{t('nav.more')}</span>
            </button>
            {open && (
                <div class="nav-sheet">
                    {rest.map((p) => (
                        <a href={p.to} aria-current={path.startsWith(p.to) ? 'page' : undefined}>
                            <Icon name={p.icon} />
                            <span>{t(p.label)}</span>
                        </a>
                    ))}
                </div>
            )}
        </div>
    );
}

function TopBar(): JSX.Element {
    const { path } = usePlace();
    const field = useRef<HTMLInputElement>(null);
    return (
        <header class="top">
            <a class="brand" href="/" aria-label={t('nav.home')}>
                <svg viewBox="0 0 32 32" width="28" height="28" aria-hidden="true">
                    <rect width="32" height="32" rx="7" class="brand-ground" />
                    <path d="M4 17h6l3-8 5 15 3.5-11 2 4H28" class="brand-line" />
                </svg>
                <b>Nhịp</b>
            </a>
            {path !== '/citizens' && (
                <form
                    class="top-search"
                    role="search"
                    onSubmit={(e) => {
                        e.preventDefault();
                        const q = field.current?.value.trim() ?? '';
                        if (q) go(`/citizens?q=${encodeURIComponent(q)}`);
                    }}
                >
                    <Icon name="search" size={16} />
                    <input ref={field} type="search" name="q" autocomplete="off" aria-label={t('search.label')} placeholder={t('search.short')} />
                    <kbd aria-hidden="true">/</kbd>
                </form>
            )}
            <div class="top-right">
                <Connection />
                <LanguageSwitch />
                <ThemeSwitch />
                <button type="button" class="icon-button desk-only" aria-label={t('keys.help')} onClick={() => helpOpen.set(true)}>
                    <Icon name="keys" />
                </button>
            </div>
        </header>
    );
}

export function Connection(): JSX.Element {
    const link = useLink();
    const state = link === 'live' ? 'normal' : link === 'lost' ? 'alarm' : 'unknown';
    return (
        <span class={`connection link-${link}`} role="status">
            <StateMark state={state} />
            <span>{t(`link.${link}`)}</span>
        </span>
    );
}

function LanguageSwitch(): JSX.Element {
    const now = useLang();
    return (
        <div class="segments language" role="group" aria-label={t('nav.language')}>
            {(['vi', 'en'] as const).map((l) => (
                <button type="button" lang={l} aria-pressed={now === l} aria-label={l === 'vi' ? 'VI, Tiếng Việt' : 'EN, English'} onClick={() => language.set(l)}>
                    {l === 'vi' ? 'VI' : 'EN'}
                </button>
            ))}
        </div>
    );
}

function ThemeSwitch(): JSX.Element {
    useCell(theme);
    return (
        <button type="button" class="icon-button" aria-label={t(isDark() ? 'nav.light' : 'nav.dark')} onClick={flipTheme}>
            <Icon name={isDark() ? 'sun' : 'moon'} />
        </button>
    );
}

export function Help(): JSX.Element {
    const open = useCell(helpOpen);
    const ref = useRef<HTMLDialogElement>(null);
    // Before the next key: what is beneath takes no focus while the dialog stands, and closing it gives the focus back.
    useLayoutEffect(() => {
        if (open && !ref.current?.open) ref.current?.showModal();
        if (!open && ref.current?.open) ref.current.close();
    }, [open]);
    const closed = (): void => {
        if (!ref.current?.open) helpOpen.set(false); // the event comes late: it may stand open again
    };
    return (
        <dialog ref={ref} class="help" aria-labelledby="help-title" onClose={closed}>
            <header>
                <h2 id="help-title">{t('keys.title')}</h2>
                <button type="button" class="icon-button" aria-label={t('action.close')} onClick={() => helpOpen.set(false)}>
                    <Icon name="close" />
                </button>
            </header>
            {open && (
                <dl>
                    {allBindings().map((b) => (
                        <div>
                            <dt>
                                {b.keys.split(' ').map((k) => (
                                    <kbd>{k}</kbd>
                                ))}
                            </dt>
                            <dd>{t(b.label)}</dd>
                        </div>
                    ))}
                    <div>
                        <dt>
                            <kbd>Esc</kbd>
                        </dt>
                        <dd>{t('keys.escape')}</dd>
                    </div>
                </dl>
            )}
        </dialog>
    );
}
