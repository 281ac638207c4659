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

const missing = new Cell('');
/** A step cannot be done without this field: it gets the focus and says what is asked for. */
export function askFor(id: string): void {
    missing.set(id);
    document.getElementById(id)?.focus();
}

/** What a field says while it is asked for; the words go when something is typed, or with the field. */
function useMissing(id: string, text: string): [JSX.Element | null, object, () => void] {
    const asked = useCell(missing) === id;
    const clear = (): void => {
        if (missing.value === id) missing.set('');
    };
    useEffect(() => clear, [id]);
    const words = (
        <span class="missing" id={`${id}-missing`} role="alert">
            {text}
        </span>
    );
    return [asked ? words : null, asked ? { 'aria-invalid': true, 'aria-describedby': `${id}-missing` } : {}, clear];
}

export function WhoField({ id = 'who' }: { id?: string }): JSX.Element {
    const name = useCell(who);
    const [words, marks, clear] = useMissing(id, t('word.who_missing'));
    return (
        <label class="who">
            <span>{t('word.who')}</span>
            <input id={id} name="who" required maxLength={60} autocomplete="name" value={name} onInput={(e) => (clear(), who.set(e.currentTarget.value))} {...marks} />
            {words}
        </label>
    );
}

export function WhyField({ id = 'why', required = false, value, set }: { id?: string; required?: boolean; value: string; set: (why: string) => void }): JSX.Element {
    const [words, marks, clear] = useMissing(id, t('word.why_missing'));
    return (
        <label class="who why">
            <span>{t('word.why')}</span>
            <input id={id} required={required} maxLength={300} value={value} autocomplete="off" onInput={(e) => (clear(), set(e.currentTarget.value))} {...marks} />
            {words}
        </label>
    );
}

export interface Step {
    why: string;
    setWhy: (why: string) => void;
    busy: boolean;
    failure: Failure | null;
    run: (act: (why: string) => Promise<void>, needsWhy?: boolean) => Promise<void>;
}
/** A step that somebody answers for: done once at a time, when it is said who does it and why. */
export function useStep(whyField = 'why'): Step {
    const [why, setWhy] = useState('');
    const [busy, setBusy] = useState(false);
    const [failure, setFailure] = useState<Failure | null>(null);
    const run: Step['run'] = async (act, needsWhy = true) => {
        if (busy) return;
        if (!who.value.trim() || (needsWhy && !why.trim())) {
            askFor(who.value.trim() ? whyField : 'who');
            return;
        }
        setBusy(true);
        setFailure(null);
        try {
            await act(why.trim());
        } catch (e) {
            setFailure(asFailure(e));
        }
        setBusy(false);
    };
    return { why, setWhy, busy, failure, run };
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
