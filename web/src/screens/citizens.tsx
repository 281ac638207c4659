// Search: by name without accents, number of the identity card, insurance card, facility's number.
// Typing searches; arrows choose; Enter opens. A scanned card (fast keys, then Enter) opens at once.
import type { JSX } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { type CitizenHit, useAsk } from '../core/api';
import { age, date, num, today } from '../core/format';
import { t, tOr } from '../core/i18n';
import { go, usePlace, withQuery } from '../core/router';
import { Icon } from '../ui/icons';
import { Problem } from '../ui/parts';

const WAIT_MS = 120;
const COUNT = 50;
// The field offers a listbox of ours, not a <datalist>, which is what the types expect of the role.
const COMBOBOX = { role: 'combobox' } as object;

/** The QR code of an identity card carries its number before the first bar. */
const typed = (text: string): string => (/^\d{9,12}\|/.test(text) ? (text.split('|')[0] ?? text) : text).trim();

export const sexWord = (sex: string | null): string =>
    sex === 'male' ? t('sex.male') : sex === 'female' ? t('sex.female') : sex ? t('sex.other') : '—';

interface Found {
    total: number;
    citizens: CitizenHit[];
}

export function CitizensScreen(): JSX.Element {
    const { query } = usePlace();
    const q = query.get('q') ?? '';
    const [text, setText] = useState(typed(q));
    const ours = useRef(q); // what this field put into the address, or took from it
    const [active, setActive] = useState(0);
    const [entered, setEntered] = useState(false);
    const field = useRef<HTMLInputElement>(null);
    const path = q ? `/api/citizens?q=${encodeURIComponent(typed(q))}&count=${COUNT}` : null;
    const found = useAsk<Found>(path);
    const list = q && found.data ? found.data.citizens : [];
    const fresh = found.path === path;
    useLayoutEffect(() => field.current?.focus({ preventScroll: true }), []);
    useEffect(() => {
        document.title = `${q ? `${q} · ` : ''}${t('nav.citizens')} · Nhịp`;
        if (q === ours.current) return;
        ours.current = q; // a link or the way back
        setText(typed(q));
    }, [q]);
    useEffect(() => {
        if (typed(text) === ours.current) return; // came from the address: nothing to put there
        const id = setTimeout(() => {
            ours.current = typed(text);
            go(withQuery({ q: typed(text) }), true);
        }, WAIT_MS);
        return () => clearTimeout(id);
    }, [text]);
    useLayoutEffect(() => setActive(0), [path]);
    useEffect(() => {
        // Enter was pressed before the answer came: open what it found when that is one citizen.
        if (!entered || !fresh || found.loading || typed(text) !== q) return;
        setEntered(false);
        const only = list[active];
        if (only) go(`/citizens/${encodeURIComponent(only.id)}`);
    }, [entered, fresh, found.loading, q]);
    const key = (e: KeyboardEvent): void => {
        if (e.isComposing) return;
        if (e.key === 'ArrowDown') setActive(Math.min(active + 1, list.length - 1));
        else if (e.key === 'ArrowUp') setActive(Math.max(active - 1, 0));
        else if (e.key === 'Enter') setEntered(true);
        else return;
        e.preventDefault();
    };
    return (
        <main id="main" class="page citizens" tabIndex={-1}>
            <h1>{t('nav.citizens')}</h1>
            <div class="big-search" role="search">
                <Icon name="search" />
                <input
                    ref={field}
                    type="search"
                    value={text}
                    autocomplete="off"
                    spellcheck={false}
                    aria-label={t('search.label')}
                    placeholder={t('search.long')}
                    {...COMBOBOX}
                    aria-expanded={list.length > 0}
                    aria-controls="hits"
                    aria-activedescendant={list.length > 0 ? `hit-${active}` : undefined}
                    onInput={(e) => (setEntered(false), setText(e.currentTarget.value))}
                    onKeyDown={key}
                />
            </div>
            <p class="quiet" role="status">
                {!q && t('search.hint')}
                {q && found.data && fresh && t(found.data.total === 0 ? 'search.none' : found.data.total > list.length ? 'search.first' : 'search.count', { n: num(found.data.total), shown: num(list.length) })}
            </p>
            {found.error && <Problem failure={found.error} retry={found.retry} />}
            <Hits list={list} active={active} stale={!fresh} />
        </main>
    );
}

function Hits({ list, active, stale }: { list: CitizenHit[]; active: number; stale: boolean }): JSX.Element {
    useEffect(() => {
        document.getElementById(`hit-${active}`)?.scrollIntoView({ block: 'nearest' });
    }, [active]);
    return (
        <ul id="hits" role="listbox" aria-label={t('search.results')} class={`hits ${stale ? 'stale' : ''}`}>
            {list.map((c, i) => (
                <li id={`hit-${i}`} role="option" aria-selected={i === active} onClick={() => go(`/citizens/${encodeURIComponent(c.id)}`)}>
                    <b class="hit-name">{c.name ?? '—'}</b>
                    <span>
                        {date(c.birth)} · {age(c.birth, today())}
                    </span>
                    <span>{sexWord(c.sex)}</span>
                    <span class="hit-ward">{c.ward ?? ''}</span>
                    <span class="code">{c.cccd ?? ''}</span>
                    <span class="code">{c.card ?? ''}</span>
                    {c.matched !== 'name' && <span class="tag">{tOr(`matched.${c.matched}`) ?? c.matched}</span>}
                </li>
            ))}
        </ul>
    );
}
