// Pure functions of the screens, bundled and called in Node: node unit_test.mjs. TAP on stdout.
import { createRequire } from 'node:module';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';

const web = new URL('../../web/', import.meta.url).pathname;
const esbuild = createRequire(join(web, 'package.json'))('esbuild');
const folder = await mkdtemp(join(tmpdir(), 'nhip-web-'));
globalThis.localStorage = { getItem: () => null, setItem: () => undefined };
globalThis.location = { pathname: '/', search: '' };
const load = async (file) => {
    const outfile = join(folder, `${file.replaceAll('/', '_')}.mjs`);
    await esbuild.build({ entryPoints: [join(web, 'src', file)], bundle: true, format: 'esm', platform: 'node', outfile, jsx: 'automatic', jsxImportSource: 'preact', logLevel: 'error' });
    return import(outfile);
};
let count = 0;
let failed = 0;
const same = (got, want, what) => {
    count++;
    if (isDeepStrictEqual(got, want)) return console.log(`ok u${count} - ${what}`);
    failed++;
    console.log(`not ok u${count} - ${what}\n# got  ${JSON.stringify(got)}\n# want ${JSON.stringify(want)}`);
};

const f = await load('core/format.ts');
same(f.num(1250000), '1.250.000', 'thousands with points');
same(f.num(5.65, 2), '5,65', 'decimals with a comma');
same(f.num(null), '—', 'no value');
same(f.money(1250000), '1.250.000\u00a0₫', 'đồng');
same([f.moneyShort(634000), f.moneyShort(93_450_000), f.moneyShort(1_234_000_000)], ['634.000\u00a0₫', '93,5\u00a0triệu\u00a0₫', '1,23\u00a0tỷ\u00a0₫'], 'money with its scale in words');
same([f.percent(12.34), f.percent(-5.25), f.percent(null), f.change(5, 0)], ['+12\u00a0%', '−5,3\u00a0%', '—', null], 'changes; nothing to compare with is no change');
same([f.date('2026-11-21'), f.date('2026-11-21T10:42:07+07:00'), f.date('1956'), f.date(null)], ['21/11/2026', '21/11/2026', '1956', '—'], 'dates, also of a year alone');
same([f.addDays('2026-03-01', -1), f.addDays('2024-02-28', 1), f.daysBetween('2025-12-31', '2026-01-01')], ['2026-02-28', '2024-02-29', 1], 'days over months, leap days, years');
same([f.period('2026-10-26', '2026-11-22'), f.period('2025-11-22', '2026-11-22')], ['26/10 – 22/11/2026', '22/11/2025 – 22/11/2026'], 'periods');
same([f.age('2026-11-20', new Date(2026, 10, 22)), f.age('2024-11-23', new Date(2026, 10, 22)), f.age('1990-11-23', new Date(2026, 10, 22))], ['2 ngày tuổi', '23 tháng tuổi', '35 tuổi'], 'ages in days, months up to 72, years; the birthday counts');
same(f.week('2026-W03'), 'Tuần 3/2026', 'weeks');

const d = await load('charts/supply.ts');
const midnight = (day) => Date.parse(`${day}T00:00:00+07:00`);
const spans = d.supplies([['2026-01-01', 28], ['2026-01-20', 28], ['2026-03-01', 10], ['2026-06-01', 0]]);
same(spans, [['2026-01-01', '2026-02-17'], ['2026-03-01', '2026-03-11'], ['2026-06-01', '2026-06-01']].map(([from, to]) => ({ from: midnight(from), to: midnight(to) })), 'supplies that meet are one; one without days is a day alone');
same([d.gaps(spans), d.gaps(spans, 30), d.gaps([])], [{ n: 2, longest: 82 }, { n: 1, longest: 82 }, { n: 0, longest: 0 }], 'gaps between them');

const w = await load('screens/followed.ts');
const row = (alarms) => alarms.map((alarm, i) => ({ w: `2026-W${i + 1}`, d: f.addDays('2026-01-05', 7 * i), visits: alarm ? 30 : 10, low: 5, expected: 10, high: 20, alarm }));
const told = (alarms) => w.finding(w.judge({ to: '2026-02-15', weeks: row(alarms) }), '2026-02-15');
same([told([true, false, true, true, true]), told([false, false, false, false, true]), told([true, false])], [': vượt ngưỡng 3 tuần liền', ': vượt ngưỡng tuần gần nhất', ': trong mức dự kiến'], 'the finding of the curve in words');
same(w.finding(w.judge({ to: '2026-02-15', weeks: [{ w: '2026-W01', d: '2026-01-05', visits: 3 }] }), '2026-02-15'), '', 'no band, no finding');

const s = await load('charts/scale.ts');
same(s.ticks(13), [0, 5, 10, 15], 'whole steps above the maximum');
same(s.ticks(3), [0, 1, 2, 3], 'small counts');
same(s.ticks(0), [0, 1], 'an empty chart has an axis');
const bounds = s.classes([1, 2, 3, 4, 5, 6, 7, 8, 9, 100]);
same([bounds.length, bounds.at(-1), s.classOf(100, bounds), s.classOf(1, bounds)], [5, 100, 4, 0], 'five classes that cover all');
same([s.classes([0, 0]), s.classes([7, 7])], [[], [7]], 'nothing, and one value alone');

const p = await load('core/piece.ts');
const inner = '<?xml version="1.0"?><TONG_HOP><MA_LK>1</MA_LK><HO_TEN>Nguyễn Thị Ánh</HO_TEN><GHI_CHU></GHI_CHU><NGAY_VAO>202613450800</NGAY_VAO></TONG_HOP>';
const piece = `<HOSO><FILEHOSO><LOAIHOSO>XML1</LOAIHOSO><NOIDUNGFILE>${Buffer.from(inner).toString('base64')}</NOIDUNGFILE></FILEHOSO></HOSO>`;
const text = p.readable(piece);
same(text.includes('\n<HO_TEN>Nguyễn Thị Ánh</HO_TEN>\n<GHI_CHU></GHI_CHU>\n'), true, 'a table is decoded, one element a line');
same(p.sendable(text), piece, 'sendable(readable(piece)) = piece');
const bad = '<NOIDUNGFILE>@@@ no base64</NOIDUNGFILE><NOIDUNGFILE>/////w==</NOIDUNGFILE>';
same(p.readable(bad), bad, 'no base64 and no UTF-8 stay as they are');
same(p.sendable(bad), bad, 'and are sent as they are');
const at = p.placeOfField(text, 'XML1', 'NGAY_VAO', 1);
same(text.slice(...at), '202613450800', 'the refused value is found');
same([p.placeOfField(text, 'XML1', 'NO_SUCH', 1), p.placeOfField(text, '', '', 0)], [null, null], 'a field that is not there');

const t = await load('ui/table.tsx');
const model = { columns: [{ title: 'Xã' }, { title: 'Lượt', kind: 'number' }], rows: [['Chân Mây, "Lăng Cô"', 5], ['=1+1', -3], [null, null]].map((r) => r.map((v) => v ?? null)) };
same(t.csvOf(model), '\ufeffXã,Lượt\r\n"Chân Mây, ""Lăng Cô""",5\r\n"\'=1+1",-3\r\n,\r\n', 'CSV quotes, and lets no text become a formula');

const o = await load('screens/ops_state.ts');
const q = (x) => new URLSearchParams(x);
same(o.chips(q('ward=1&days=7&icd=A97&from=2026-01-01&to=2026-01-07')).map((c) => c.id), ['ward', 'icd', 'period'], 'chips in the order they came; spans of days are none');
same(o.opsPath(q('ward=1&days=7&sort=name'), '2026-11-22'), '/api/ops?from=2026-11-16&to=2026-11-22&ward=1', 'the last seven days with data');
same(o.opsPath(q('days=7'), null), null, 'not asked before the last day is known');
same(o.opsPath(q('age=15-19&sex=2&icd=J'), null, 'person'), '/api/ops?icd=J', "a tile's question without its own filter");

const { judge } = await load('screens/followed.ts');
const weeks = (n, alarm) => [{ d: '2026-11-09', visits: n, low: 1, expected: 10, high: 20, alarm }, { d: '2026-11-16', visits: 1, low: 1, expected: 10, high: 20, alarm: false }];
const state = (n, alarm, to) => judge({ to, weeks: weeks(n, alarm) }).state;
same([state(25, true, '2026-11-18'), state(19, false, '2026-11-18'), state(10, false, '2026-11-18'), judge({ to: '2026-11-18', weeks: [{ d: '2026-11-09', visits: 3 }] }).state], ['alarm', 'watch', 'normal', 'unknown'], 'the last finished week is judged');
same(state(25, true, '2026-11-22'), 'normal', 'a week that ended counts');
const few = (visits) => judge({ to: '2026-11-15', weeks: [{ d: '2026-11-09', visits, low: 0, expected: 0, high: 0, alarm: visits >= 5 }] }).state;
same([few(0), few(1), few(3), few(4), few(5)], ['normal', 'normal', 'normal', 'watch', 'alarm'], 'single visits where none are expected are nothing to watch');

const { fit } = await load('charts/geo.ts');
const square = (west, south) => [[west, south], [west + 1, south], [west + 1, south + 1], [west, south + 1], [west, south]];
const paths = fit({ type: 'FeatureCollection', features: [
    { properties: { code: '19753' }, geometry: { type: 'Polygon', coordinates: [square(107, 0)] } },
    { properties: { MAXA: 19774 }, geometry: { type: 'MultiPolygon', coordinates: [[square(108, 0)], [square(108, -1)]] } },
] }, 200, 200);
same([[...paths.keys()], paths.get('19774').match(/M/g).length, paths.get('19753').startsWith('M0.0 100.0')], [['19753', '19774'], 2, true], 'boundaries are fitted, by commune code, north above');

await rm(folder, { recursive: true });
console.log(`# ${count - failed} of ${count} unit checks passed`);
process.exit(failed ? 1 : 0);
