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
same([f.money(1250000), f.money(1250.5)], ['1.250.000\u00a0₫', '1.250,5\u00a0₫'], 'đồng, with the fractions that prices have');
same([f.exact('5.60'), f.exact('0.0004'), f.exact('-12345.5'), f.exact('1:160'), f.exact('<5')], ['5,60', '0,0004', '-12.345,5', '1:160', '<5'], 'a result keeps every digit; a text stays');
same([f.quantity('10.000'), f.quantity('27.50'), f.quantity('100'), f.quantity('44600.000'), f.quantity('20mg'), f.quantity('')], ['10', '27,5', '100', '44.600', '20mg', ''], 'ten pieces of a claim do not read as ten thousand');
same([f.measure(0.0004), f.measure(6.4567), f.measure(0), f.measure(null)], ['0,0004', '6,457', '0', '—'], 'a small value is not 0');
same([f.moneyShort(634000), f.moneyShort(93_450_000), f.moneyShort(1_234_000_000)], ['634.000\u00a0₫', '93,5\u00a0triệu\u00a0₫', '1,23\u00a0tỷ\u00a0₫'], 'money with its scale in words');
same([f.percent(12.34), f.percent(-5.25), f.percent(null), f.change(5, 0)], ['+12\u00a0%', '−5,3\u00a0%', '—', null], 'changes; nothing to compare with is no change');
same([f.date('2026-11-21'), f.date('2026-11-21T10:42:07+07:00'), f.date('1956'), f.date(null)], ['21/11/2026', '21/11/2026', '1956', '—'], 'dates, also of a year alone');
same([f.date('2026-11-21T20:30:00Z'), f.time('2026-11-21T20:30:00Z'), f.dateTime('2026-11-21T23:10:00+07:00'), f.dayOf('2026-11-22T00:30:00+09:00')], ['22/11/2026', '03:30', '23:10 21/11/2026', '2026-11-21'], "instants of any zone in Vietnam's time");
same([f.today(new Date('2026-11-21T16:59:59Z')), f.today(new Date('2026-11-21T17:00:00Z'))], ['2026-11-21', '2026-11-22'], 'a new day begins at midnight in Vietnam');
same([f.addDays('2026-03-01', -1), f.addDays('2024-02-28', 1), f.daysBetween('2025-12-31', '2026-01-01')], ['2026-02-28', '2024-02-29', 1], 'days over months, leap days, years');
same([f.period('2026-10-26', '2026-11-22'), f.period('2025-11-22', '2026-11-22')], ['26/10 – 22/11/2026', '22/11/2025 – 22/11/2026'], 'periods');
same(['2026-11-20', '2024-11-23', '1990-11-23', '1990-11-22'].map((b) => f.age(b, '2026-11-22')), ['2 ngày tuổi', '23 tháng tuổi', '35 tuổi', '36 tuổi'], 'ages in days, months up to 72, years; the birthday counts');
same(['1956', '2024', '2026', '2026-11', null].map((b) => f.age(b, '2026-11-22')), ['70 tuổi', '2 tuổi', '0 tuổi', '21 ngày tuổi', '—'], 'no months where only the year of birth is known');
same(f.week('2026-W03'), 'Tuần 3/2026', 'weeks');

const i = await load('core/i18n.ts');
i.language.set('en');
same([i.t('chart.visits', { n: '1' }), i.t('chart.visits', { n: '1,234' }), i.t('facilities.count', { n: 1 })], ['1 visit', '1,234 visits', '1 facility'], 'one and many in English');

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

same([t.cellText('2026-11-21', 'day'), t.cellText('2026-W03', 'week'), t.cellText('I10'), t.cellText(null, 'number'), t.cellText(1250.5, 'money')], ['21/11/2026', 'Tuần 3/2026', 'I10', '—', '1.250,5\u00a0₫'], 'days and weeks of a table as people read them');
same(t.csvOf({ columns: [{ title: 'Ngày', kind: 'day' }], rows: [['2026-11-21']] }), '\ufeffNgày\r\n2026-11-21\r\n', 'and as ISO in CSV');

const o = await load('screens/ops_state.ts');
const q = (x) => new URLSearchParams(x);
same(o.chips(q('ward=1&days=7&icd=A97&from=2026-01-01&to=2026-01-07')).map((c) => c.id), ['ward', 'icd', 'period'], 'chips in the order they came; spans of days are none');
same(o.opsPath(q('ward=1&days=7&sort=name'), '2026-11-22'), '/api/ops?from=2026-11-16&to=2026-11-22&ward=1', 'the last seven days with data');
same(o.opsPath(q('days=7'), null), null, 'not asked before the last day is known');
same(o.opsPath(q('age=15-19&sex=2&icd=J'), null, 'person'), '/api/ops?icd=J', "a tile's question without its own filter");

same(['abc', '-7', '7.5', '1e9', '', '90'].map((days) => o.daysOf(q(`days=${days}`))), [28, 28, 28, 28, 28, 90], 'spans that are none are the usual one');
same([o.opsPath(q('from=abc&to=2026-01-07'), null), o.opsPath(q('from=2026-01-07&to=2026-01-01'), null), o.chips(q('from=2026-01-01'))], ['/api/ops', '/api/ops', []], 'a period that is none is none');
same(['0002-01-15', '0202-01-15', '2026-01-15', '2026-13-45', ''].map((from) => o.isPeriod({ from, to: '2026-11-22' })), [false, false, true, false, false], 'a year that is being typed is not asked for');

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

// ---- files on their way in ----
const soon = () => new Promise((done) => setTimeout(done));
const requests = [];
globalThis.addEventListener = () => undefined;
globalThis.XMLHttpRequest = class {
    upload = {};
    constructor() {
        requests.push(this);
    }
    open() {}
    setRequestHeader() {}
    send(file) {
        this.file = file;
    }
    answer(status, responseText) {
        Object.assign(this, { status, responseText });
        this.onload();
        return soon();
    }
};
const queue = await load('screens/import_queue.ts');
const states = () => queue.jobs.value.map((j) => `${j.file.name} ${j.failure ? 'failed' : j.state}`);
queue.add([{ name: 'a' }, { name: 'b' }, { name: 'c' }]);
queue.add([{ name: 'd' }]);
same([requests.map((r) => r.file.name), states()], [['a'], ['d waiting', 'c waiting', 'b waiting', 'a sending']], 'one file after another, the newest on top');
requests[0].upload.onprogress({ lengthComputable: true, loaded: 2, total: 2 });
same(states()[3], 'a working', 'all sent: the server works');
await requests[0].answer(200, '{"claims":{}}');
await requests[1].answer(200, '<html>');
requests[2].onerror();
await soon();
await requests[3].answer(500, '');
same(states(), ['d failed', 'c failed', 'b failed', 'a done'], 'a lost connection, an error and an answer that cannot be read do not stop the others');
queue.again(2);
await soon();
same([requests[4].file.name, queue.jobs.value[2].failure], ['b', undefined], 'and can be tried again');

// ---- live counters ----
const l = await load('core/live.ts');
const sources = [];
const [ticks, later, hear] = [[], [], {}];
let now = 0;
globalThis.EventSource = class {
    static CLOSED = 2;
    readyState = 1;
    on = {};
    constructor() {
        sources.push(this);
    }
    addEventListener(name, run) {
        this.on[name] = run;
    }
    close() {
        this.readyState = 2;
    }
};
globalThis.document = { hidden: false, addEventListener: (name, run) => (hear[name] = run) };
globalThis.window = { setTimeout: (run) => later.push(run) };
globalThis.setInterval = (run) => ticks.push(run);
Object.defineProperty(performance, 'now', { value: () => now });
const event = (part) => sources.at(-1).on.live({ data: JSON.stringify({ records: 1, rejects_open: 0, ...part }) });
const at1 = (ms) => ((now = ms), ticks[0]());
const open1 = () => sources.filter((s) => s.readyState === 1).length;
l.startLive();
event({});
at1(34000);
same([l.link.value, sources.length, later.length], ['live', 1, 0], 'a line between two heartbeats is live');
at1(36000);
same([l.link.value, sources.length, open1()], ['lost', 2, 1], 'a line that died without a word is opened anew');
event({});
same([l.link.value, later.length], ['live', 1], 'what failed meanwhile is asked again');
later.pop()();
sources[1].close();
sources[1].on.error();
at1(37000);
same([l.link.value, sources.length], ['lost', 2], 'the browser gave up: not at once again');
at1(42000);
same([sources.length, open1()], [3, 1], 'but soon');
event({});
later.pop()();
event({ rejects_open: 1 });
same([later.length, l.generation.value], [1, 2], 'a reject is a change too');
globalThis.document.hidden = true;
hear.visibilitychange();
at1(99000);
same(open1(), 0, 'a page that nobody sees holds no connection');
globalThis.document.hidden = false;
hear.visibilitychange();
same([open1(), l.link.value], [1, 'live'], 'and takes it up again');

const c = await load('core/claims.ts');
const book = { visits: 5995, renewed: 0, to_renew: 0, position: 800, snapshot: 800, current: true };
same(c.toDo(book), [], 'a book that is current has nothing to do');
same(c.toDo({ ...book, renewed: 1536, to_renew: 5995 }), [{ what: 'renewing', n: 1536, all: 5995, percent: 25 }], 'rows made again are some of all rows, counted once');
same(c.toDo({ ...book, position: 799, snapshot: 800, current: false, renewed: 5995, to_renew: 5995 }).map((p) => [p.what, p.percent]), [['renewing', 99], ['behind', 99]], 'never 100 percent before it is done');

await rm(folder, { recursive: true });
console.log(`# ${count - failed} of ${count} unit checks passed`);
process.exit(failed ? 1 : 0);
