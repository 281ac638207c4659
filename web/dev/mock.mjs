// A small server with invented, deterministic data that follows docs/screens-api.md, for work on
// the screens without the real server: node dev/mock.mjs [PORT] [FOLDER of the bundle].
import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import { join, normalize } from 'node:path';

const port = Number(process.argv[2] ?? 8099);
const folder = process.argv[3] ?? new URL('../../build/web/1', import.meta.url).pathname;
const DAY = 86400000;

let seed = 46;
const random = () => {
    seed = (Math.imul(seed ^ (seed >>> 15), 0x2c1b3c6d) + 0x9e3779b9) | 0;
    let x = seed;
    x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
    x ^= x >>> 13;
    return (x >>> 0) / 4294967296;
};
const pick = (list) => list[Math.floor(random() * list.length)];
const weighted = (list) => {
    let r = random() * list.reduce((a, x) => a + x.weight, 0);
    return list.find((x) => (r -= x.weight) < 0) ?? list[0];
};

const W = 'Phú Xuân 5 2|Kim Long 4 4|Vỹ Dạ 6 2|Thuận Hoá 5 3|Hương An 4 3|Thuỷ Xuân 5 4|An Cựu 6 3|Phong Điền 1 2|Phong Phú 3 0|Phong Dinh 2 0|Phong Thái 2 2|Quảng Điền 4 1|Phong Quảng 4 0|Đan Điền 3 1|Thuận An 7 1|Dương Nỗ 6 1|Phú Hồ 7 3|Mỹ Thượng 7 2|Phú Vang 8 4|Phú Vinh 8 3|Phú Bài 6 5|Thanh Thuỷ 6 4|Hương Thuỷ 7 4|Hương Trà 3 3|Hoá Châu 5 1|Kim Trà 4 2|Bình Điền 3 4|A Lưới 2 0 5|A Lưới 5 3 6|A Lưới 1 0 4|A Lưới 3 1 6|A Lưới 4 2 7|Phú Lộc 9 5|Vinh Lộc 9 4|Hưng Lộc 7 5|Chân Mây - Lăng Cô 10 6|Lộc An 8 5|Khe Tre 8 6|Nam Đông 7 7|Long Quảng 5 7';
const fold = (s) => s.normalize('NFD').replace(/[\u0300-\u036f]/g, '').replaceAll('đ', 'd').replaceAll('Đ', 'D');
const wards = W.split('|').map((text, i) => {
    const m = /^(.*) (\d+) (\d+)$/.exec(text);
    return { code: String(19753 + i * 7), name: m[1], name_en: fold(m[1]), column: +m[2], row: +m[3], weight: i < 7 ? 6 : 1 + (i % 4) };
});
const facilities = Array.from({ length: 60 }, (_, i) => ({
    code: `46S${String(i + 1).padStart(2, '0')}`,
    name: i === 0 ? 'Bệnh viện Trung ương Sông Hương (mô phỏng)' : i === 1 ? 'Bệnh viện Đa khoa tỉnh Ngự Bình (mô phỏng)' : i < 9 ? `Trung tâm Y tế ${wards[i * 3].name} (mô phỏng)` : `Trạm Y tế ${wards[(i * 7) % 40].name} (mô phỏng)`,
    weight: i === 0 ? 60 : i < 9 ? 22 : 3,
}));
const diagnoses = [
    ['I10', 'Tăng huyết áp vô căn (nguyên phát)', 'Essential (primary) hypertension', 90],
    ['E11.9', 'Đái tháo đường không phụ thuộc insulin, chưa có biến chứng', 'Type 2 diabetes without complications', 60],
    ['J06.9', 'Nhiễm trùng đường hô hấp trên cấp tính', 'Acute upper respiratory infection', 55],
    ['K29.7', 'Viêm dạ dày, không đặc hiệu', 'Gastritis, unspecified', 40],
    ['M54.5', 'Đau cột sống thắt lưng', 'Low back pain', 38],
    ['J20.9', 'Viêm phế quản cấp tính', 'Acute bronchitis', 36],
    ['A97.0', 'Sốt xuất huyết không có dấu hiệu cảnh báo', 'Dengue without warning signs', 14],
    ['B08.4', 'Viêm họng có phỏng nước do virus đường ruột với phát ban', 'Enteroviral vesicular stomatitis with exanthem', 10],
    ['J10.1', 'Cảm cúm với biểu hiện hô hấp khác', 'Influenza with other respiratory manifestations', 16],
    ['A09.9', 'Viêm dạ dày - ruột không rõ nguyên nhân', 'Gastroenteritis of unspecified origin', 18],
    ['H10.9', 'Viêm kết mạc', 'Conjunctivitis', 14],
    ['J18.9', 'Viêm phổi, tác nhân không xác định', 'Pneumonia, unspecified', 18],
    ['N39.0', 'Nhiễm trùng hệ tiết niệu', 'Urinary tract infection', 14],
    ['G44.2', 'Đau đầu do căng thẳng', 'Tension-type headache', 12],
].map(([code, name, name_en, weight]) => ({ code, name, name_en, weight }));
const notifiable = new Set(['A97.0', 'B08.4', 'J10.1', 'A09.9']);

const today = Math.floor((Date.now() + 7 * 3600000) / DAY);
const START = today - 3 * 365;
const iso = (day) => new Date(day * DAY).toISOString().slice(0, 10);
const facts = [];
for (let i = 0; i < 40000; i++) {
    const day = START + Math.floor(random() * (today - START + 1));
    const weekday = (day + 4) % 7;
    if ((weekday === 0 || weekday === 6) && random() < 0.6) continue;
    let d = weighted(diagnoses);
    if (today - day < 30 && today - day > 3 && random() < 0.05) d = diagnoses[6];
    const inpatient = random() < (d.code === 'J18.9' ? 0.5 : 0.07);
    const cost = Math.round((inpatient ? 2500000 : 180000) * (0.4 + random() * 1.6));
    const age = Math.min(99, Math.floor(Math.abs(random() + random() - 0.7) * 75));
    facts.push({ day, d, f: weighted(facilities), w: weighted(wards), sex: random() < 0.46 ? 1 : 2, age, inpatient, cost });
}
let visits = facts.length;
let records = facts.length + 200;
let visitsToday = facts.filter((x) => x.day === today).length;

function ops(q) {
    const to = q.get('to') ? Date.parse(q.get('to')) / DAY : today;
    const from = q.get('from') ? Date.parse(q.get('from')) / DAY : to - 27;
    const n = to - from + 1;
    const [lo, hi] = (q.get('age') ?? '0-200').replace('+', '-200').split('-').map(Number);
    const hit = facts.filter((x) =>
        (!q.get('facility') || x.f.code === q.get('facility')) && (!q.get('ward') || x.w.code === q.get('ward')) &&
        (!q.get('icd') || x.d.code.startsWith(q.get('icd'))) && (!q.get('sex') || x.sex === Number(q.get('sex'))) && x.age >= lo && x.age <= hi);
    const sum = (list, f) => list.reduce((a, x) => a + f(x), 0);
    const between = (a, b) => hit.filter((x) => x.day >= a && x.day <= b);
    const measures = { visits: () => 1, inpatients: (x) => +x.inpatient, cost: (x) => x.cost, insurance_paid: (x) => Math.round(x.cost * 0.8), notifiable: (x) => +notifiable.has(x.d.code) };
    const figures = Object.entries(measures).map(([id, f]) => ({
        id, value: sum(between(from, to), f), last_week: sum(between(from - 7, to - 7), f), last_year: sum(between(from - 364, to - 364), f),
        spark: Array.from({ length: 28 }, (_, i) => sum(between(to - 27 + i, to - 27 + i), f)),
    }));
    const now = between(from, to);
    const before = between(from - n, from - 1);
    const count = (list, key) => { const m = new Map(); for (const x of list) m.set(key(x), (m.get(key(x)) ?? 0) + 1); return m; };
    const monday = (day) => day - ((day + 3) % 7);
    const weeks = Array.from({ length: 52 }, (_, i) => {
        const d = monday(to) - (51 - i) * 7;
        const v = between(d, d + 6).length;
        const th = new Date((d + 3) * DAY);
        const w = Math.ceil(((th - Date.UTC(th.getUTCFullYear(), 0, 1)) / DAY + 1) / 7);
        const past = [1, 2].map((y) => between(d - 364 * y, d - 364 * y + 6).length);
        const out = { w: `${th.getUTCFullYear()}-W${String(w).padStart(2, '0')}`, d: iso(d), visits: v };
        if (d - 728 < START) return out;
        const mean = (past[0] + past[1]) / 2;
        const sd = Math.max(Math.sqrt(mean), Math.abs(past[0] - past[1]) / Math.SQRT2);
        return { ...out, low: Math.max(0, Math.floor(mean - 2 * sd)), expected: Math.round(mean), high: Math.floor(mean + 2 * sd), alarm: v > mean + 2 * sd && v >= Math.round(mean) + 5 };
    });
    const [icdNow, icdBefore] = [count(now, (x) => x.d), count(before, (x) => x.d)];
    const [wNow, wBefore] = [count(now, (x) => x.w), count(before, (x) => x.w)];
    return {
        as_of: new Date(Date.now() + 7 * 3600000).toISOString().slice(0, 19) + '+07:00', from: iso(from), to: iso(to), totals: { visits, records }, figures,
        days: [], weeks,
        diagnoses: diagnoses.map((d) => ({ code: d.code, name: d.name, name_en: d.name_en, visits: icdNow.get(d) ?? 0, previous: icdBefore.get(d) ?? 0 })).filter((d) => d.visits).sort((a, b) => b.visits - a.visits).slice(0, Number(q.get('top') ?? 12)),
        facilities: facilities.map((f) => {
            const own = now.filter((x) => x.f === f);
            const all = hit.filter((x) => x.f === f);
            return { code: f.code, name: f.name, visits: own.length, inpatients: sum(own, measures.inpatients), cost: sum(own, measures.cost), insurance_paid: sum(own, measures.insurance_paid), previous: before.filter((x) => x.f === f).length,
                spark: Array.from({ length: 12 }, (_, i) => all.filter((x) => Math.floor((to - x.day) / 7) === 11 - i).length) };
        }).filter((f) => f.visits + f.previous),
        pyramid: Array.from({ length: 18 }, (_, i) => {
            const band = now.filter((x) => Math.min(17, Math.floor(x.age / 5)) === i);
            return { age: i === 17 ? '85+' : `${i * 5}-${i * 5 + 4}`, male: band.filter((x) => x.sex === 1).length, female: band.filter((x) => x.sex === 2).length };
        }),
        wards: wards.map((w) => ({ ...w, visits: wNow.get(w) ?? 0, previous: wBefore.get(w) ?? 0 })),
    };
}

const family = ['Nguyễn', 'Trần', 'Lê', 'Phạm', 'Hoàng', 'Võ', 'Đặng', 'Hồ'];
const given = ['Thị Ánh', 'Văn Đức', 'Thị Hồng Nhung', 'Minh Quân', 'Thị Bưởi', 'Hữu Phước', 'Ngọc Diễm', 'Quốc Ẩn'];
const citizens = Array.from({ length: 300 }, (_, i) => ({
    id: `c${i + 1}`, name: `${pick(family)} ${pick(given)}`, birth: iso(today - Math.floor(random() * 30000)), sex: random() < 0.5 ? 'male' : 'female',
    ward: `Phường ${pick(wards).name}`, cccd: `046${String(900000000 + i)}`, card: `SV4469${String(90000000 + i)}`,
}));

function citizen(c) {
    const n = 20 + (Number(c.id.slice(1)) * 7) % 60;
    const rows = Array.from({ length: n }, (_, i) => {
        const day = START + Math.floor(((i + random()) * (today - START)) / n);
        const d = weighted(diagnoses);
        const kind = random() < 0.1 ? 'IMP' : random() < 0.06 ? 'EMER' : 'AMB';
        const f = weighted(facilities);
        return { id: `${c.id}-v${i}`, start: `${iso(day)}T08:10:00+07:00`, end: `${iso(day + (kind === 'IMP' ? 4 : 0))}T10:00:00+07:00`, kind, type: '01', facility: f.code, facility_name: f.name, icd: d.code, diagnosis: d.name, others: random() < 0.4 ? ['E78.5'] : [], cost: 150000 + Math.floor(random() * 900000), insurance_paid: 120000 };
    }).reverse();
    const by = (key) => [...new Set(rows.map(key))].map((code) => rows.filter((r) => key(r) === code));
    const drugNames = [['Amlodipin 5mg', 'ngày 1 viên, sáng'], ['Metformin 850mg', 'ngày 2 viên, sau ăn'], ['Atorvastatin 20mg', 'ngày 1 viên, tối'], ['Paracetamol 500mg', 'khi sốt hoặc đau'], ['Omeprazol 20mg', 'ngày 1 viên, trước ăn'], ['Losartan 50mg', 'ngày 1 viên'], ['Cefixim 200mg', 'ngày 2 viên'], ['Loratadin 10mg', 'ngày 1 viên']];
    const results = [['Glucose', 'mmol/L', 6.4, 1.2, null, null], ['HbA1c', '%', 6.9, 0.6, null, null], ['Creatinin', 'µmol/L', 88, 12, 53, 106], ['Cholesterol toàn phần', 'mmol/L', 5.2, 0.8, null, 5.2], ['AST (GOT)', 'U/L', 28, 8, null, 40], ['K+', 'mmol/L', 4.1, 0.4, 3.5, 5.1], ['Huyết sắc tố (HGB)', 'g/L', 131, 9, null, null]];
    return {
        ...c, deceased: null, address: `Số 12 tổ 4, ${c.ward}, Huế`, phone: '0900000000', identifiers: [{ kind: 'cccd', value: c.cccd }, { kind: 'card', value: c.card }, { kind: 'facility', value: '46S01|BN1' }],
        coverage: [{ card: c.card, from: '2026-01-01', to: iso(today + 40), facility: '46S05' }], visits: rows,
        problems: by((r) => r.icd).map((g) => ({ icd: g[0].icd, name: g[0].diagnosis, first: g[g.length - 1].start, last: g[0].start, visits: g.length })),
        drugs: drugNames.map(([name, dose], i) => ({ code: `D${i}`, name, dose, first: rows[rows.length - 1 - i].start, last: rows[i % 5].start, times: 3 + i, given: rows.slice(i % 5, rows.length - i).reverse().filter((_, k) => k % (2 + (i % 3)) === 0).map((r) => [r.start.slice(0, 10), i === 3 ? 0 : 28]) })),
        results: results.map(([name, unit, mean, sd, low, high], k) => ({ code: `R${k}`, name, unit, low, high, points: rows.filter((_, i) => i % (k + 2) === 0).reverse().map((r) => [r.start, Math.round((mean + (random() - 0.5) * 2 * sd) * 10) / 10]) })),
        blood_group: null, whole: true,
        allergies: Number(c.id.slice(1)) % 3 === 0 ? ['Penicillin'] : [],
    };
}

const detail = (id) => ({
    id, diagnoses: [{ icd: 'I10', name: 'Tăng huyết áp vô căn (nguyên phát)' }], drugs: [{ name: 'Amlodipin 5mg', dose: 'ngày 1 viên, sáng', quantity: 30, unit: 'Viên' }],
    services: [{ code: 'KB', name: 'Khám nội', time: '2026-10-01T08:10:00+07:00' }], results: [{ code: 'GLU', name: 'Glucose', value: '5.6', unit: 'mmol/L', time: null }],
    notes: [{ time: '2026-10-01T08:15:00+07:00', text: 'Huyết áp 140/90, tỉnh, không khó thở.' }], claim: { total: 634000, insurance: 507200, copay: 126800, self: 0, other: 0 },
    lines: [{ group: '4', code: 'D', name: 'Amlodipin 5mg', quantity: 30, price: 500, cost: 15000 }],
});
let rejects = Array.from({ length: 7 }, (_, i) => ({ id: 7 - i, time: '2026-11-21T10:42:07+07:00', settled: false, file: `46S0${i}/2026-11.xml`, ma_lk: `LK${i}`, table: 'XML2', line: 14 + i, field: 'DON_GIA', rule: 'claim-decimal', what: 'DON_GIA không phải là số: “1.250,00”', bytes: 300 }));

const listeners = new Set();
const tell = (to) => to.write(`event: live\ndata: ${JSON.stringify({ time: new Date(Date.now() + 7 * 3600000).toISOString().slice(0, 19) + '+07:00', visits, records, visits_today: visitsToday, rejects_open: rejects.filter((r) => !r.settled).length, visits_per_s: 0 })}\n\n`);
const changed = () => listeners.forEach(tell);
setInterval(changed, 15000).unref();

const report = (taken) => ({ file: 'x.xml', known: false, claims: { new: taken, changed: 0, same: 0, rejected: 0 }, resources: taken * 12, errors: 0, warnings: 0, issues: [] });
const types = { html: 'text/html; charset=utf-8', js: 'text/javascript', css: 'text/css', svg: 'image/svg+xml', woff2: 'font/woff2' };
const CSP = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

createServer(async (request, response) => {
    const url = new URL(request.url, 'http://x');
    const path = decodeURIComponent(url.pathname);
    const json = (value, status = 200) => response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(value));
    const part = path.split('/').filter(Boolean);
    if (path === '/health') return json({ ok: true });
    if (path === '/api/ops') return json(ops(url.searchParams));
    if (path === '/api/facilities') return json(facilities.map(({ code, name }) => ({ code, name })));
    if (path === '/api/live') {
        response.writeHead(200, { 'Content-Type': 'text/event-stream' });
        listeners.add(response);
        request.on('close', () => listeners.delete(response));
        return tell(response);
    }
    if (path === '/api/citizens') {
        const q = fold(url.searchParams.get('q') ?? '').toLowerCase();
        const hits = citizens.filter((c) => fold(c.name).toLowerCase().includes(q) || c.cccd === q || c.card.toLowerCase() === q);
        return json({ total: hits.length, citizens: hits.slice(0, 50).map((c) => ({ ...c, matched: /^\d/.test(q) ? 'cccd' : 'name' })) });
    }
    if (part[0] === 'api' && part[1] === 'citizens') {
        const c = citizens.find((x) => x.id === part[2]);
        return c ? json(part[4] ? detail(part[4]) : citizen(c)) : json({ resourceType: 'OperationOutcome', issue: [] }, 404);
    }
    if (path === '/api/rejects') {
        const settled = url.searchParams.get('settled') === 'true';
        return json({ open: rejects.filter((r) => !r.settled).length, settled: rejects.filter((r) => r.settled).length, rejects: rejects.filter((r) => r.settled === settled) });
    }
    if (part[0] === 'api' && part[1] === 'rejects') {
        const r = rejects.find((x) => x.id === Number(part[2]));
        if (!r) return json({ issue: [] }, 404);
        if (request.method === 'GET') return response.writeHead(200, { 'Content-Type': 'application/xml' }).end('<HOSO>\n  <FILEHOSO>…</FILEHOSO>\n</HOSO>\n');
        r.settled = true;
        changed();
        return json(report(1));
    }
    if (path === '/import/claims' && request.method === 'POST') {
        for await (const _ of request);
        visits += 3;
        visitsToday += 3;
        records += 3;
        for (let i = 0; i < 3; i++) facts.push({ ...facts[i], day: today });
        changed();
        return json(report(3));
    }
    if (part[0] === 'api') return json({ issue: [] }, 404);
    const file = /\.[^/]*$/.test(path) ? normalize(path) : '/index.html';
    try {
        const body = await readFile(join(folder, file));
        response.writeHead(200, { 'Content-Type': types[file.split('.').pop()] ?? 'application/octet-stream', 'Content-Security-Policy': CSP }).end(body);
    } catch {
        json({ issue: [] }, 404);
    }
}).listen(port, '127.0.0.1', () => console.log(`http://127.0.0.1:${port}`));
