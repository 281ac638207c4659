// A tile as a picture: title, what it counts, then its chart, or its numbers where there is none.
import { cellText, isRight, type TableModel } from './table';

const SCALE = 2;
const MARGIN = 24;
const HEAD = 56;
const COPIED = [
    'fill', 'fill-opacity', 'stroke', 'stroke-width', 'stroke-opacity', 'stroke-dasharray', 'opacity',
    'font-size', 'font-weight', 'font-family', 'text-anchor', 'display',
];

/** A copy of the chart that carries its styles, since a picture does not see ours. */
function standAlone(svg: SVGSVGElement): string {
    const copy = svg.cloneNode(true) as SVGSVGElement;
    const from = [svg, ...svg.querySelectorAll('*')];
    const to = [copy, ...copy.querySelectorAll('*')];
    from.forEach((element, i) => {
        const style = getComputedStyle(element);
        const target = to[i] as SVGElement;
        for (const name of COPIED) target.style.setProperty(name, style.getPropertyValue(name));
        target.removeAttribute('class');
    });
    const box = svg.viewBox.baseVal;
    copy.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
    copy.setAttribute('width', String(box.width * SCALE));
    copy.setAttribute('height', String(box.height * SCALE));
    return new XMLSerializer().serializeToString(copy);
}

const asData = async (url: string): Promise<string> => {
    const blob = await (await fetch(url)).blob();
    return new Promise((done, fail) => {
        const reader = new FileReader();
        reader.onload = () => done(String(reader.result));
        reader.onerror = () => fail(new Error('unreadable font'));
        reader.readAsDataURL(blob);
    });
};

/** Our typeface as rules that carry the fonts themselves: a picture loads nothing from outside. */
async function fontRules(): Promise<string> {
    const rules = [...document.styleSheets].flatMap((s) => [...s.cssRules]).filter((r) => r instanceof CSSFontFaceRule);
    const texts = rules.map(async (rule) => {
        const url = /url\("?([^")]+)"?\)/.exec(rule.style.getPropertyValue('src'))?.[1];
        return url ? rule.cssText.replace(url, await asData(new URL(url, rule.parentStyleSheet?.href ?? location.href).href)) : '';
    });
    return (await Promise.all(texts)).join('');
}

let fonts: Promise<string> | null = null;

async function picture(svg: SVGSVGElement): Promise<HTMLImageElement> {
    fonts ??= fontRules();
    const rules = `<style>${await fonts}</style>`;
    const alone = standAlone(svg).replace(/^(<svg[^>]*>)/, (open) => open + rules);
    const image = new Image();
    image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(alone)}`;
    await image.decode();
    return image;
}

function paintTable(g: CanvasRenderingContext2D, table: TableModel, width: number): void {
    const column = (width - 2 * MARGIN) / table.columns.length;
    const rows = [table.columns.map((c) => c.title), ...table.rows];
    rows.forEach((row, r) =>
        row.forEach((value, c) => {
            const right = isRight(table.columns[c]?.kind);
            g.font = `${r === 0 ? 600 : 400} 13px "Be Vietnam Pro", sans-serif`;
            g.textAlign = right ? 'right' : 'left';
            const x = MARGIN + c * column + (right ? column - 8 : 0);
            g.fillText(r === 0 ? String(value) : cellText(value, table.columns[c]?.kind), x, HEAD + MARGIN + r * 22, column - 8);
        }),
    );
}

export async function pngOf(
    head: { title: string; note: string },
    svg: SVGSVGElement | null,
    table: TableModel,
): Promise<Blob> {
    await document.fonts.ready;
    const box = svg?.viewBox.baseVal;
    const width = box ? Math.max(480, box.width + 2 * MARGIN) : 960;
    const body = box ? box.height : (table.rows.length + 1) * 22;
    const height = HEAD + body + 2 * MARGIN;
    const canvas = document.createElement('canvas');
    canvas.width = width * SCALE;
    canvas.height = height * SCALE;
    const g = canvas.getContext('2d');
    if (!g) throw new Error('no canvas');
    const style = getComputedStyle(document.documentElement);
    g.scale(SCALE, SCALE);
    g.fillStyle = style.getPropertyValue('--paper');
    g.fillRect(0, 0, width, height);
    g.fillStyle = style.getPropertyValue('--ink');
    g.font = '600 18px "Be Vietnam Pro", sans-serif';
    g.fillText(head.title, MARGIN, MARGIN + 14, width - 2 * MARGIN);
    g.font = '400 13px "Be Vietnam Pro", sans-serif';
    g.fillText(head.note, MARGIN, MARGIN + 36, width - 2 * MARGIN);
    if (svg && box) g.drawImage(await picture(svg), MARGIN, HEAD + MARGIN - 8, box.width, box.height);
    else paintTable(g, table, width);
    return new Promise((done, fail) =>
        canvas.toBlob((blob) => (blob ? done(blob) : fail(new Error('no picture'))), 'image/png'),
    );
}
