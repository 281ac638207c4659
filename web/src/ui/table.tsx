// The numbers of a tile: shown as a table, read by screen readers, saved as CSV.
import type { JSX } from 'preact';
import { date, money, num, week } from '../core/format';

type Kind = 'number' | 'money' | 'day' | 'week';
export interface TableModel {
    columns: { title: string; kind?: Kind }[]; // days and weeks stand as ISO in the rows and in CSV
    rows: (string | number | null)[][];
}

export const isRight = (kind: Kind | undefined): boolean => kind === 'number' || kind === 'money';

export function cellText(value: string | number | null, kind?: Kind): string {
    if (value === null) return '—';
    if (typeof value === 'number') return kind === 'money' ? money(value) : num(value, 1);
    return kind === 'day' ? date(value) : kind === 'week' ? week(value) : value;
}

export function NumberTable({ model, caption }: { model: TableModel; caption: string }): JSX.Element {
    return (
        <table class="numbers">
            <caption class="sr">{caption}</caption>
            <thead>
                <tr>
                    {model.columns.map((c) => (
                        <th scope="col" class={isRight(c.kind) ? 'right' : ''}>
                            {c.title}
                        </th>
                    ))}
                </tr>
            </thead>
            <tbody>
                {model.rows.map((row) => (
                    <tr>
                        {row.map((value, i) => (
                            <td class={isRight(model.columns[i]?.kind) ? 'right' : ''}>
                                {cellText(value, model.columns[i]?.kind)}
                            </td>
                        ))}
                    </tr>
                ))}
            </tbody>
        </table>
    );
}

/** RFC 4180 with a byte-order mark, so that spreadsheets take it as UTF-8. */
export function csvOf(model: TableModel): string {
    const quote = (v: string | number | null): string => {
        const text = v === null ? '' : String(v);
        return /[",\r\n]/.test(text) || /^[=+@-]/.test(text) && typeof v === 'string'
            ? `"${(/^[=+@-]/.test(text) ? "'" : '') + text.replaceAll('"', '""')}"`
            : text;
    };
    const lines = [model.columns.map((c) => c.title), ...model.rows];
    return '\ufeff' + lines.map((row) => row.map(quote).join(',')).join('\r\n') + '\r\n';
}

export function save(name: string, content: Blob): void {
    const url = URL.createObjectURL(content);
    const link = document.createElement('a');
    link.href = url;
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), 10000);
}
