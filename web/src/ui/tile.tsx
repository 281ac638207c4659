// A tile: title, unit, period, data time and completeness; ⓘ opens the definition; the menu turns
// the chart into its table and saves it as CSV or PNG.
import type { ComponentChildren, JSX } from 'preact';
import { useId, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { today } from '../core/format';
import { t } from '../core/i18n';
import { Icon } from './icons';
import { pngOf } from './png';
import { csvOf, NumberTable, save, type TableModel } from './table';

interface Props {
    id: string;
    title: string;
    note: string; // unit and period
    info: string; // definition and source
    facts: string; // data time and completeness
    table: TableModel;
    tools?: ComponentChildren;
    children: ComponentChildren;
    isTable?: boolean; // the tile is a table already
    level?: 'figure' | 'chart';
}

/** Open until Escape, or a click or the focus goes elsewhere. */
function usePopup(): [boolean, (open: boolean) => void, { current: HTMLDivElement | null }] {
    const [open, setOpen] = useState(false);
    const ref = useRef<HTMLDivElement | null>(null);
    useLayoutEffect(() => {
        if (!open) return;
        const away = (e: Event): void => {
            if (!ref.current?.contains(e.target as Node)) setOpen(false);
        };
        const key = (e: KeyboardEvent): void => {
            if (e.key !== 'Escape') return;
            e.preventDefault();
            setOpen(false);
            ref.current?.querySelector('button')?.focus();
        };
        document.addEventListener('pointerdown', away);
        document.addEventListener('focusin', away);
        document.addEventListener('keydown', key, true);
        return () => {
            document.removeEventListener('pointerdown', away);
            document.removeEventListener('focusin', away);
            document.removeEventListener('keydown', key, true);
        };
    }, [open]);
    return [open, setOpen, ref];
}

function Info({ title, info, facts }: { title: string; info: string; facts: string }): JSX.Element {
    const [open, setOpen, ref] = usePopup();
    const id = useId();
    return (
        <div class="popper" ref={ref}>
            <button
                class="icon-button"
                type="button"
                aria-expanded={open}
                aria-controls={id}
                aria-label={t('tile.info', { title })}
                onClick={() => setOpen(!open)}
            >
                <Icon name="info" size={16} />
            </button>
            {open && (
                <div class="pop info" id={id}>
                    <p>{info}</p>
                    <p class="quiet">{facts}</p>
                </div>
            )}
        </div>
    );
}

interface MenuProps {
    title: string;
    asTable: boolean;
    flip: (() => void) | null;
    csv: () => void;
    png: () => void;
}

function Menu({ title, asTable, flip, csv, png }: MenuProps): JSX.Element {
    const [open, setOpen, ref] = usePopup();
    const pick = (run: () => void) => () => {
        setOpen(false);
        ref.current?.querySelector('button')?.focus(); // the item goes away with the menu
        run();
    };
    return (
        <div class="popper" ref={ref}>
            <button
                class="icon-button"
                type="button"
                aria-expanded={open}
                aria-label={t('tile.menu', { title })}
                onClick={() => setOpen(!open)}
            >
                <Icon name="more" size={16} />
            </button>
            {open && (
                <div class="pop menu">
                    {flip && (
                        <button type="button" onClick={pick(flip)}>
                            {t(asTable ? 'tile.chart' : 'tile.table')}
                        </button>
                    )}
                    <button type="button" onClick={pick(csv)}>
                        {t('tile.csv')}
                    </button>
                    <button type="button" onClick={pick(png)}>
                        {t('tile.png')}
                    </button>
                </div>
            )}
        </div>
    );
}

export function Tile(p: Props): JSX.Element {
    const [asTable, setAsTable] = useState(false);
    const body = useRef<HTMLDivElement>(null);
    const heading = useId();
    const file = `nhip-${p.id}-${today()}`;
    const csv = (): void => save(`${file}.csv`, new Blob([csvOf(p.table)], { type: 'text/csv;charset=utf-8' }));
    const png = (): void => {
        const svg = asTable || p.isTable ? null : (body.current?.querySelector<SVGSVGElement>('.chart svg') ?? null);
        void pngOf({ title: p.title, note: p.note }, svg, p.table).then((blob) => save(`${file}.png`, blob));
    };
    return (
        <section class={`tile tile-${p.id} ${p.level === 'figure' ? 'tile-figure' : ''}`} aria-labelledby={heading}>
            <header>
                <div class="tile-title">
                    <h2 id={heading}>{p.title}</h2>
                    <p class="quiet">{p.note}</p>
                </div>
                {p.tools}
                <div class="tile-buttons">
                    <Info title={p.title} info={p.info} facts={p.facts} />
                    <Menu title={p.title} asTable={asTable} flip={p.isTable ? null : () => setAsTable(!asTable)} csv={csv} png={png} />
                </div>
            </header>
            <div class="tile-body" ref={body}>
                {asTable ? (
                    <div class="scroll" tabIndex={0} role="region" aria-label={p.title}>
                        <NumberTable model={p.table} caption={p.title} />
                    </div>
                ) : (
                    <>
                        {p.children}
                        {!p.isTable && (
                            <div class="sr">
                                <NumberTable model={p.table} caption={p.title} />
                            </div>
                        )}
                    </>
                )}
            </div>
        </section>
    );
}
