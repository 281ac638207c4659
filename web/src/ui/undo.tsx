// What was just done can be taken back for a while: a bar at the foot of the screen, on every screen.
// And who does it, until there is a sign-in.
import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { asFailure, type Failure } from '../core/api';
import { Cell, keptCell, useCell } from '../core/cell';
import { t } from '../core/i18n';
import { useKeys } from '../core/keys';
import { Icon } from './icons';
import { Problem } from './parts';

export const who = keptCell('nhip.who', '');

export function WhoField({ id = 'who' }: { id?: string }): JSX.Element {
    const name = useCell(who);
    return (
        <label class="who">
            <span>{t('word.who')}</span>
            <input id={id} name="who" required maxLength={60} autocomplete="name" value={name} onInput={(e) => who.set(e.currentTarget.value)} />
        </label>
    );
}

export interface Undoable {
    text: string;
    undo: () => Promise<void>;
}
const BAR_MS = 60000; // the bar goes; the former version stays on its visit's page

const current = new Cell<Undoable | null>(null);
export const undoable = (what: Undoable | null): void => current.set(what);

/** Stands in the frame, above what is at the foot of a screen. */
export function UndoBar(): JSX.Element | null {
    const what = useCell(current);
    const [busy, setBusy] = useState(false);
    const [failure, setFailure] = useState<Failure | null>(null);
    useEffect(() => {
        setFailure(null);
        if (!what) return undefined;
        const timer = setTimeout(() => current.value === what && current.set(null), BAR_MS);
        return () => clearTimeout(timer);
    }, [what]);
    const run = async (): Promise<void> => {
        if (!what || busy) return;
        setBusy(true);
        try {
            await what.undo();
            current.set({ text: t('undo.done'), undo: async () => undefined });
        } catch (e) {
            setFailure(asFailure(e));
        }
        setBusy(false);
    };
    useKeys(what ? [{ keys: 'u', label: 'undo.key', run: () => void run() }] : [], [what]);
    if (!what) return null;
    const done = what.text === t('undo.done');
    return (
        <div class="undo-bar" role="status">
            {failure ? <Problem failure={failure} /> : <span>{what.text}</span>}
            {!done && !failure && (
                <button type="button" class="button" disabled={busy} onClick={() => void run()}>
                    <Icon name="undo" size={16} />
                    {t('undo.undo')} <kbd aria-hidden="true">u</kbd>
                </button>
            )}
            <button type="button" class="icon-button" aria-label={t('action.close')} onClick={() => current.set(null)}>
                <Icon name="close" />
            </button>
        </div>
    );
}
