// Is the insurance card valid? Asked when somebody wants to know; "not checked" is an answer, too.
import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { asFailure, askJson, type Failure } from '../core/api';
import { dateTime } from '../core/format';
import { t } from '../core/i18n';
import { StateMark } from './icons';

interface Card {
    state: 'valid' | 'invalid' | 'not_checked';
    why: string;
    asked?: string;
    meaning?: string;
}
const marks = { valid: 'normal', invalid: 'alarm', not_checked: 'unknown' } as const;

export function CardCheck({ card, name, birth }: { card: string; name: string; birth: string }): JSX.Element {
    const [found, setFound] = useState<Card | null>(null);
    const [failure, setFailure] = useState<Failure | null>(null);
    const [busy, setBusy] = useState(false);
    const check = async (): Promise<void> => {
        setBusy(true);
        setFailure(null);
        try {
            setFound(await askJson<Card>(`/api/card?${new URLSearchParams({ card, name, birth })}`));
        } catch (e) {
            setFailure(asFailure(e));
        }
        setBusy(false);
    };
    return (
        <span class="card-check" role="status">
            {!found && !failure && (
                <button type="button" class="small-button" disabled={busy} onClick={() => void check()}>
                    {t(busy ? 'state.loading' : 'card.check')}
                </button>
            )}
            {failure && failure.message}
            {found && (
                <span data-card={found.state}>
                    <StateMark state={marks[found.state]} /> {found.state === 'not_checked' && `${t('card.not_checked')}: `}
                    {found.why}
                    {found.state === 'not_checked' && found.meaning && found.asked && ` ${t('card.known', { what: found.meaning, when: dateTime(found.asked) })}`}
                </span>
            )}
        </span>
    );
}
