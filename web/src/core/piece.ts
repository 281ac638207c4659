// A refused piece as people can read it: the tables inside NOIDUNGFILE are base64; they are shown
// decoded and encoded again before they are sent.
const TABLE = /<NOIDUNGFILE>([\s\S]*?)<\/NOIDUNGFILE>/g;

/** Text of base64, or null where it is none or not UTF-8. */
function decode(base64: string): string | null {
    try {
        const bytes = Uint8Array.from(atob(base64.replace(/\s+/g, '')), (c) => c.charCodeAt(0));
        return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {
        return null;
    }
}

function encode(text: string): string {
    let binary = '';
    for (const byte of new TextEncoder().encode(text)) binary += String.fromCharCode(byte);
    return btoa(binary);
}

/** A line for each element; an empty one stays whole. */
const lines = (xml: string): string =>
    xml.replace(/(<[^>]*>)(?=<(\/?))/g, (tag: string, _: string, closes: string) =>
        closes && !tag.startsWith('</') && !tag.endsWith('/>') ? tag : `${tag}\n`,
    );

/** Every table that can be decoded stands as XML between line ends, one element a line. */
export const readable = (piece: string): string =>
    piece.replace(TABLE, (all, content: string) => {
        const text = content.trim().startsWith('<') ? null : decode(content);
        if (!text?.trimStart().startsWith('<')) return all;
        return `<NOIDUNGFILE>\n${lines(text)}\n</NOIDUNGFILE>`;
    });

/** The way back: decoded tables are joined and encoded, all else stays. */
export const sendable = (text: string): string =>
    text.replace(TABLE, (all, content: string) => {
        const table = content.replace(/^\n/, '').replace(/\n$/, '').replaceAll('>\n<', '><');
        return table.trimStart().startsWith('<') ? `<NOIDUNGFILE>${encode(table)}</NOIDUNGFILE>` : all;
    });

/** Where the value of a table's field stands: [from, to], or null. `line` counts the table's rows. */
export function placeOfField(text: string, table: string, field: string, line: number): [number, number] | null {
    if (!field) return null;
    const start = Math.max(0, text.search(new RegExp(`<LOAIHOSO>\\s*${table.replace(/\W/g, '')}\\s*</LOAIHOSO>`)));
    const open = `<${field}>`;
    let at = -1;
    for (let n = 0, from = start; n < Math.max(1, line); n++) {
        const next = text.indexOf(open, from);
        if (next < 0) break;
        at = next;
        from = next + open.length;
    }
    if (at < 0) return null;
    const from = at + open.length;
    const end = text.indexOf('<', from);
    return [from, end < 0 ? from : end];
}
