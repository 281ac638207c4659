// A newborn and its mother: the certificate beside the child whom it may mean, and a person's word.
import type { JSX } from 'preact';
import { useRef, useState } from 'preact/hooks';
import { askJson, useAsk } from '../core/api';
import { date, dateTime } from '../core/format';
import { type Key, t } from '../core/i18n';
import { useKeys } from '../core/keys';
import { StateMark } from '../ui/icons';
import { Problem } from '../ui/parts';
import { Side } from '../ui/side';
import { undoable, useStep, who, WhoField, WhyField } from '../ui/undo';
import { sexWord } from './citizens';

interface Field {
    field: 'name' | 'birth' | 'sex' | 'card' | 'mothers_cccd' | 'mothers_card';
    a: string;
    b: string;
    level: 'same' | 'other' | 'missing';
}
interface Child {
    id: string;
    name: string | null;
    agrees: boolean;
    fields: Field[];
}
interface Birth {
    certificate: string;
    there: boolean;
    status: string;
    who: string;
    why: string;
    time: string;
    by_person: boolean;
    linked: string;
    mother: { id: string; name: string | null; birth: string; sex: string };
    doubts: string[];
    children: Child[];
}
type Act = 'link' | 'reject' | 'reopen';

const BY_RULES = 'nhip mpi'; // who links and asks without a person
const MARKS = { same: 'normal', other: 'watch', missing: 'unknown' } as const;

/** What may be said of the case as it stands. */
const allowed = (b: Birth, act: Act): boolean =>
    act === 'link'
        ? b.there && b.children.length > 0 && (b.status === 'requested' || b.status === 'cancelled')
        : act === 'reject'
          ? b.status === 'requested' || b.status === 'completed'
          : b.status === 'rejected' || (b.status === 'completed' && b.by_person);

export function NewbornSide({ certificate, close, decided }: { certificate: string; close: () => void; decided: () => void }): JSX.Element {
    const path = `/api/mpi/newborns/${encodeURIComponent(certificate)}`;
    const [picked, setPicked] = useState(0);
    const { why, setWhy, busy, failure, run } = useStep();
    const [after, setAfter] = useState<Birth | null>(null);
    const asked = useAsk<Birth>(path);
    const birth = after ?? asked.data;
    const children = birth?.children ?? [];
    const child = children.find((c) => c.id === birth?.linked) ?? children[picked % Math.max(children.length, 1)];
    const latest = useRef<(act: Act) => void>(() => undefined);
    const decide = async (act: Act): Promise<void> => {
        if (!birth || !allowed(birth, act)) return;
        const post = (what: Act, reason: string): Promise<Birth> => askJson<Birth>(`${path}/${what}`, { method: 'POST', body: JSON.stringify({ who: who.value.trim(), why: reason, child: child?.id ?? '' }) });
        await run(async (reason) => {
            setAfter(await post(act, reason));
            if (act !== 'reopen')
                undoable({
                    text: t(`mpi.newborn_did_${act}`),
                    undo: async () => {
                        await post('reopen', t('mpi.undone'));
                        decided();
                    },
                });
            decided();
        });
    };
    latest.current = (act) => void decide(act);
    useKeys(
        [
            { keys: 'm', label: 'mpi.newborn_link', run: () => latest.current('link') },
            { keys: 'd', label: 'mpi.newborn_reject', run: () => latest.current('reject') },
            { keys: 'p', label: 'mpi.newborn_reopen', run: () => latest.current('reopen') },
            { keys: 's', label: 'mpi.newborn_next', run: () => setPicked((x) => x + 1) },
        ],
        [],
    );
    const say = (f: Field, value: string): string => (f.field === 'birth' ? date(value) : f.field === 'sex' ? sexWord(value) : value) || '—';
    const button = (act: Act, key: string, primary = false): JSX.Element | false =>
        birth !== null &&
        birth !== undefined &&
        allowed(birth, act) && (
            <button type="button" id={`act-${act}`} class={primary ? 'button primary' : 'button'} disabled={busy} onClick={() => void decide(act)}>
                {t(`mpi.newborn_${act}`)} <kbd aria-hidden="true">{key}</kbd>
            </button>
        );
    return (
        <Side title={t('mpi.newborn')} close={close}>
            {asked.error && <Problem failure={asked.error} retry={asked.retry} />}
            {!birth && !asked.error && <div class="skeleton-lines" aria-hidden="true" />}
            {birth && (
                <>
                    <p>
                        <b data-status={birth.status}>{t(`mpi.newborn_${birth.status}` as Key)}</b> · {t('mpi.newborn_mother')}{' '}
                        <a href={`/citizens/${encodeURIComponent(birth.mother.id)}`}>{birth.mother.name ?? birth.mother.id}</a>
                        {birth.mother.birth && <>, {date(birth.mother.birth)}</>}
                    </p>
                    {!birth.there && <p>{t('mpi.newborn_gone')}</p>}
                    {birth.doubts.length > 0 && (
                        <ul class="doubts">
                            {birth.doubts.map((d) => (
                                <li>
                                    <StateMark state="watch" /> {t(`mpi.doubt_${d}` as Key)}
                                </li>
                            ))}
                        </ul>
                    )}
                    <p class="quiet">
                        {birth.who === BY_RULES ? t(birth.status === 'completed' ? 'mpi.newborn_by_rules' : 'mpi.newborn_asked') : `${birth.who}: ${birth.why}`} · {dateTime(birth.time)}
                    </p>
                    {child && (
                        <div class="scroll" tabIndex={0} role="region" aria-label={t('mpi.newborn')}>
                            <table class="numbers evidence">
                                <thead>
                                    <tr>
                                        <th scope="col">{t('word.item')}</th>
                                        <th scope="col">{t('mpi.newborn_certificate')}</th>
                                        <th scope="col">
                                            <a href={`/citizens/${encodeURIComponent(child.id)}`}>{t('mpi.newborn_child')}</a>
                                            {children.length > 1 && ` ${children.indexOf(child) + 1}/${children.length}`}
                                        </th>
                                        <th scope="col">{t('mpi.evidence')}</th>
                                    </tr>
                                </thead>
                                <tbody>
                                    {child.fields
                                        .filter((f) => f.a || f.b)
                                        .map((f) => (
                                            <tr data-field={f.field}>
                                                <th scope="row">{t(`mpi.newborn_field_${f.field}`)}</th>
                                                <td>{say(f, f.a)}</td>
                                                <td class={f.level === 'other' ? 'differs' : ''}>{say(f, f.b)}</td>
                                                <td>
                                                    <StateMark state={MARKS[f.level]} /> {t(`mpi.level_${f.level}`)}
                                                </td>
                                            </tr>
                                        ))}
                                </tbody>
                            </table>
                        </div>
                    )}
                    {failure && <Problem failure={failure} />}
                    <form
                        class="decide"
                        onSubmit={(e) => {
                            e.preventDefault();
                            (document.querySelector('.decide .actions button') as HTMLButtonElement | null)?.focus();
                        }}
                    >
                        <WhoField />
                        <WhyField value={why} set={setWhy} />
                        <button type="submit" hidden />
                        <div class="actions">
                            {button('link', 'm', true)}
                            {button('reject', 'd')}
                            {button('reopen', 'p')}
                            {children.length > 1 && birth.linked === '' && (
                                <button type="button" class="button" disabled={busy} onClick={() => setPicked(picked + 1)}>
                                    {t('mpi.newborn_next')} <kbd aria-hidden="true">s</kbd>
                                </button>
                            )}
                        </div>
                    </form>
                </>
            )}
        </Side>
    );
}
