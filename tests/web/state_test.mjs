// States and accessibility of the screens: node state_test.mjs BASE EMPTY CLAIM_FILE SHOTS. TAP on stdout.
// BASE serves a small province, EMPTY one with nothing in it; CLAIM_FILE is one claim.
import { readFile } from 'node:fs/promises';
import { counted, DESK, focused, harness, is, noSideScroll, PHONE } from './harness.mjs';

const [, , base, empty, claimFile, shots] = process.argv;
const { test, json, shot, open, end, count } = await harness(base, shots, 's');
/** The first with a number, and visits on several days. */
let someone, visit;
for (const citizen of (await json('/api/citizens?q=nguyen&count=50')).citizens.filter((c) => c.cccd)) {
    const { visits } = await json(`/api/citizens/${citizen.id}`);
    someone = citizen;
    visit = visits.find((v) => v.cost !== null);
    if (visit && new Set(visits.map((v) => v.start.slice(0, 10))).size > 1) break;
}
const record = `/citizens/${someone.id}`;
const screens = ['/', '/citizens?q=nguyen', record, '/rejects', '/import', `/giam-dinh/${visit.id}`, '/giam-dinh', '/quyet-toan', '/trung-ho-so', '/danh-muc', '/danh-muc?id=dich-vu', '/wall'];
const named = (path) => path.replace(someone.id, 'ID').replace(visit.id, 'ID');
const WALL = [1920, 1080];
const sizeOf = (path) => (path === '/wall' ? WALL : [1366, 4000]);

/** Every text in view whose contrast with what lies beneath it is below `least`; also inside SVG, where axe does not look. */
function dim(least) {
    const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
    const rgba = (css) => {
        canvas.clearRect(0, 0, 1, 1);
        canvas.fillStyle = css;
        canvas.fillRect(0, 0, 1, 1);
        return [...canvas.getImageData(0, 0, 1, 1).data];
    };
    const light = ([r, g, b]) => {
        const [x, y, z] = [r, g, b].map((v) => v / 255).map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
        return 0.2126 * x + 0.7152 * y + 0.0722 * z;
    };
    const parents = (e) => (e ? [e, ...parents(e.parentElement)] : []);
    const backs = (list) => list.map((e) => rgba(getComputedStyle(e).backgroundColor)).find((c) => c[3] > 250) ?? [255, 255, 255, 255];
    // HTML text stands on the background of its own box or of a box around it; text of a chart on what is drawn beneath it.
    const ground = (element, box) => {
        if (!(element instanceof SVGElement)) return backs(parents(element));
        const under = document.elementsFromPoint(box.left + box.width / 2, box.top + box.height / 2).filter((e) => e !== element);
        for (const shape of under.filter((e) => ['rect', 'circle'].includes(e.tagName) || e.matches('.area'))) {
            const style = getComputedStyle(shape);
            if (style.fill.startsWith('url')) return rgba(getComputedStyle(document.documentElement).getPropertyValue('--none-ground'));
            const fill = rgba(style.fill);
            const alpha = (fill[3] / 255) * style.fillOpacity * style.opacity;
            if (alpha > 0.1) return backs(parents(shape)).map((v, i) => v * (1 - alpha) + fill[i] * alpha);
        }
        return backs(under.length > 0 ? under : parents(element));
    };
    const bad = [];
    let seen = 0;
    for (const element of document.querySelectorAll('body *')) {
        if (![...element.childNodes].some((n) => n.nodeType === 3 && n.data.trim())) continue;
        const box = element.getBoundingClientRect();
        const inView = box.width > 1 && box.bottom > 0 && box.top < innerHeight && box.left < innerWidth;
        if (!inView || element.closest('.sr, select') || !element.checkVisibility({ checkVisibilityCSS: true, checkOpacity: true }) || element.matches(':disabled')) continue;
        seen++;
        const style = getComputedStyle(element);
        const [a, b] = [light(rgba(element instanceof SVGElement ? style.fill : style.color)), light(ground(element, box))];
        const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (ratio < least) bad.push(`${element.tagName}.${element.getAttribute('class')} "${element.textContent.trim().slice(0, 30)}" ${ratio.toFixed(2)}`);
    }
    return { seen, bad: [...new Set(bad)] };
}

for (const path of screens)
    for (const theme of path === '/wall' ? ['dark'] : ['light', 'dark']) {
        const least = path === '/wall' ? 7 : 4.5;
        await test(`contrast: ${named(path)} ${theme}, every text at least ${least} : 1, charts too`, sizeOf(path), async (page) => {
            await open(page, path);
            if (path === '/') await page.locator('.ward[role=button]').first().waitFor();
            const { seen, bad } = await page.evaluate(dim, least);
            is(seen > 8, `only ${seen} texts were seen`);
            is(bad.length === 0, `${bad.length} of ${seen}: ${bad.slice(0, 8).join(' | ')}`);
        }, { context: { colorScheme: theme } });
    }

await test('contrast: what a filter leaves in the background stays readable', [1366, 1400], async (page) => {
    await open(page, '/');
    await page.locator('.bars button').first().click();
    await page.locator('.ward[role=button]:not(.none)').first().click();
    await page.locator('.bars button.faded').first().waitFor();
    const { bad } = await page.evaluate(dim, 4.5);
    is(bad.length === 0, bad.join(' | '));
});

for (const path of screens) {
    await test(`names: ${named(path)}, every control has a name, every table headers, every chart words`, sizeOf(path), async (page) => {
        await open(page, path);
        const bad = await page.evaluate(() => {
            const words = (e) => {
                const by = e.getAttribute('aria-labelledby')?.split(' ').map((id) => document.getElementById(id)?.textContent ?? '').join(' ');
                return (e.getAttribute('aria-label') ?? by ?? e.labels?.[0]?.textContent ?? e.textContent ?? '').trim();
            };
            const list = [];
            for (const e of document.querySelectorAll('a, button, input, select, textarea, summary, [role=button], [tabindex="0"], nav, dialog, [role=group], [role=region]')) if (!words(e)) list.push(`no name: ${e.outerHTML.slice(0, 120)}`);
            for (const e of document.querySelectorAll('table')) if (!e.querySelector('th[scope]')) list.push('a table without headers');
            for (const e of document.querySelectorAll('svg')) if (!e.closest('[aria-hidden=true]') && !e.getAttribute('aria-label')) list.push(`a picture without words: ${e.outerHTML.slice(0, 80)}`);
            for (const e of document.querySelectorAll('.tile-body .chart')) if (!e.closest('.tile-body').querySelector('table caption')) list.push('a chart without its table');
            const ids = [...document.querySelectorAll('[id]')].map((e) => e.id);
            for (const id of new Set(ids)) if (ids.filter((x) => x === id).length > 1) list.push(`id ${id} twice`);
            if (document.querySelectorAll('h1').length !== 1) list.push('not one h1');
            if (document.querySelectorAll('main').length !== 1) list.push('not one main');
            return list;
        });
        is(bad.length === 0, bad.join(' | '));
        is((await page.title()).endsWith('Nhịp'), 'the page has a title');
    });
}

for (const width of [360, 768, 1366, 1920])
    for (const lang of ['vi', 'en'])
        await test(`${width} px, ${lang}: no screen scrolls sideways`, [width, 800], async (page) => {
            await page.addInitScript((l) => localStorage.setItem('nhip.language', l), lang);
            for (const path of screens) {
                await open(page, path);
                await noSideScroll(page).catch((e) => is(false, `${named(path)}: ${e.message}`));
                is((await page.locator('html').getAttribute('lang')) === lang, 'the language is told');
            }
        });

for (const [path, size] of [['/', DESK], [record, DESK], ['/', PHONE]])
    await test(`nothing jumps while ${named(path)} loads at ${size[0]} px`, size, async (page) => {
        await page.addInitScript(() => {
            window.shift = 0;
            new PerformanceObserver((l) => l.getEntries().forEach((e) => (window.shift += e.hadRecentInput ? 0 : e.value))).observe({ type: 'layout-shift', buffered: true });
        });
        await page.route('**/api/*', async (route) => {
            await new Promise((done) => setTimeout(done, 150)); // a slow answer
            await route.continue();
        });
        await open(page, path);
        await page.waitForLoadState('load');
        await page.evaluate(() => document.fonts.ready);
        await page.locator(path === '/' ? '.tile-facilities tbody tr' : '.life svg').first().waitFor();
        const shift = await page.evaluate(() => window.shift);
        console.log(`# layout shift ${shift.toFixed(3)}`);
        is(shift < 0.1, `layout shift ${shift}`);
    });

await test('keyboard: skip link first, focus always seen, the order is the page', DESK, async (page) => {
    await open(page, '/');
    await page.keyboard.press('Tab');
    is(await page.evaluate(() => document.activeElement.className === 'skip' && document.activeElement.getBoundingClientRect().top >= 0), 'the skip link comes first and is seen');
    await page.keyboard.press('Enter');
    await focused(page, '#main'); // it leads to the content
    let last = -1;
    for (let i = 0; i < 40; i++) {
        await page.keyboard.press('Tab');
        const at = await page.evaluate(() => {
            const e = document.activeElement;
            const style = getComputedStyle(e);
            const area = e.querySelector?.('.hit, .area');
            const ring = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
            const stroke = area && parseFloat(getComputedStyle(area).strokeWidth) >= 2;
            const order = [...document.querySelectorAll('*')].indexOf(e);
            return { what: e.outerHTML.slice(0, 100), seen: ring || stroke, order };
        });
        is(at.seen, `the focus is not seen on ${at.what}`);
        is(at.order > last, `the focus went back to ${at.what}`);
        last = at.order;
    }
});

await test('keyboard: a whole way without a pointer: search, record, visit, bill, back', DESK, async (page) => {
    await open(page, '/');
    await page.keyboard.press('/');
    await page.keyboard.type(someone.cccd);
    await page.keyboard.press('Enter');
    await page.locator('#hits li').first().waitFor();
    await page.keyboard.press('Enter');
    await page.locator('.banner h1').waitFor();
    await page.waitForFunction(() => document.activeElement?.id === 'main');
    await page.keyboard.press('j');
    await page.locator('.visit.open .visit-detail').waitFor();
    await page.locator('.visit.open > button').focus();
    await page.keyboard.press('Enter');
    await page.locator('.visit.open').waitFor({ state: 'detached' }); // Enter closes the visit
    await page.goBack();
    await page.locator('#hits li').first().waitFor();
});

await test('the language switch keeps the focus; numbers, money and dates follow', DESK, async (page) => {
    await open(page, '/?days=365');
    const visits = (await json('/api/ops')).totals.visits;
    const button = page.getByRole('button', { name: 'EN, English' });
    await page.waitForFunction(() => /\d/.test(document.querySelector('[data-live=visits]')?.textContent ?? ''));
    await page.locator('[data-live=visits]', { hasText: new RegExp(`^${new Intl.NumberFormat('vi-VN').format(visits).replaceAll('.', '\\.')}$`) }).waitFor(); // thousands with points
    is(/^[\d.]+\s₫$/.test(await page.locator('[data-figure=cost]').getAttribute('title')), 'đồng exact');
    is(/\d\d\/\d\d\/\d{4}/.test(await page.locator('.ops-title').textContent()), 'dd/mm/yyyy');
    await button.focus();
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Health operations' }).waitFor();
    is(await button.evaluate((b) => b === document.activeElement), 'the focus stays on the switch');
    await page.locator('[data-figure=cost]').waitFor();
    await page.locator('[data-live=visits]', { hasText: new RegExp(`^${new Intl.NumberFormat('en-GB').format(visits)}$`) }).waitFor(); // thousands with commas
    is(/^[\d,]+\s₫$/.test(await page.locator('[data-figure=cost]').getAttribute('title')), 'đồng in English');
});

await test('an empty province says what will be here and how to begin', DESK, async (page) => {
    await page.goto(`${empty}/`);
    await page.getByRole('link', { name: 'Nhập tệp đầu tiên' }).waitFor();
    is(!(await page.locator('main').textContent()).includes('Bỏ bớt bộ lọc'), 'nobody is told to remove filters');
    await shot(page, 'empty');
    await page.getByRole('link', { name: 'Nhập tệp đầu tiên' }).click();
    await page.locator('.drop').waitFor();
    for (const path of ['/citizens?q=an', '/rejects']) {
        await page.goto(empty + path);
        await page.locator('h1').waitFor();
        await page.waitForFunction(() => /Không tìm thấy ai|Không có gì chờ/.test(document.querySelector('main').textContent));
    }
});

await test('an empty wall: no false calm, no NaN', WALL, async (page) => {
    await page.goto(`${empty}/wall`);
    await page.locator('.wall-value').first().waitFor();
    const text = await page.locator('main').textContent();
    is(text.includes('Chưa đủ số liệu') && !text.includes('Không có báo động'), 'too little data is not calm');
    is(!/NaN|undefined|null/.test(text), 'no NaN');
});

await test('the wall tells nothing below five', WALL, async (page) => {
    await page.route(/\/api\/ops/, async (route) => {
        const answer = await (await route.fetch()).json();
        answer.wards.forEach((w, i) => (w.visits = i % 5));
        answer.weeks.forEach((w, i) => Object.assign(w, { visits: i % 5, alarm: false }));
        answer.diagnoses.forEach((d, i) => Object.assign(d, { visits: 10 - i, previous: i % 5 }));
        answer.figures.forEach((f) => Object.assign(f, { value: f.id === 'visits' ? 3 : f.value, last_week: 2, spark: f.spark.map((_, i) => i % 5) }));
        await route.fulfill({ json: answer });
    });
    await open(page, '/wall');
    await page.locator('.wall-value').first().waitFor();
    is((await page.locator('.wall-value').first().textContent()) === '<5', 'a small figure is veiled');
    is((await page.locator('.tile-number').allTextContents()).every((n) => n === '<5' || n === '0'), 'and in the communes');
    is((await page.locator('.wall-map .ward:not(.none).mark-g').evaluateAll((list) => new Set(list.map((e) => e.getAttribute('class').trim())).size)) === 1, 'their colours tell no more');
    const heights = await page.locator('.wall-curve .mark-g .bar').evaluateAll((list) => new Set(list.map((e) => Math.round(e.getBoundingClientRect().height)).filter((h) => h > 0)).size);
    is(heights === 1, `and so do the weeks: ${heights} heights`);
    const points = await page.locator('.wall-visits .spark-line').getAttribute('d');
    is(new Set(points.match(/ [\d.]+/g)).size === 2, 'nor the small curves: none, or fewer than five');
    is((await page.locator('.wall-top li').count()) === 6, 'diagnoses below five are not listed');
    is((await page.locator('.wall-top .delta').allTextContents()).every((d) => d === '—'), 'a change tells no small number either');
});

for (const size of [[1280, 720], [3840, 2160]])
    await test(`the wall fills ${size.join(' × ')} and no more`, size, async (page) => {
        await open(page, '/wall');
        await page.locator('.wall-curve .mark-g').first().waitFor();
        const [w, h] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.scrollHeight]);
        is(w <= size[0] && h <= size[1], `${w} × ${h}`);
        const cut = await page.locator('.wall-value').evaluateAll((list) => list.filter((e) => e.scrollWidth > e.clientWidth + 1).map((e) => e.textContent));
        is(cut.length === 0, `cut off: ${cut}`);
        await page.keyboard.press('?');
        await page.locator('dialog.help[open]').waitFor(); // ? shows the keys on the wall too
        await page.keyboard.press('Escape');
        await page.locator('dialog.help[open]').waitFor({ state: 'detached' });
        await page.keyboard.press('Escape');
        await page.waitForURL(`${base}/`);
    });

await test('a filter that leaves nothing says so and can be taken back', DESK, async (page) => {
    await open(page, '/?icd=Z99.9');
    is((await page.locator('.tile-facilities .empty').textContent()).includes('Bỏ bớt bộ lọc'), 'what to do');
    await page.locator('body').press('Backspace');
    await page.locator('.tile-facilities tbody tr').first().waitFor();
});

await test('a server that is gone: told, nothing lost, tried again by hand and by itself', DESK, async (page) => {
    await open(page, '/');
    await page.route('**/api/ops?*', (route) => route.abort());
    await page.getByRole('button', { name: '7 ngày' }).click();
    await page.locator('.problem').waitFor();
    is((await page.locator('.problem').textContent()).includes('vẫn còn nguyên'), 'what is safe is said');
    await page.unroute('**/api/ops?*');
    await page.getByRole('button', { name: 'Thử lại' }).click();
    await page.locator('.tile-facilities tbody tr').first().waitFor();
    is((await page.locator('.problem').count()) === 0, 'and it is mended');
}, { errors: true });

await test('a slow answer keeps what is shown until the next one comes', DESK, async (page) => {
    await open(page, '/');
    let release;
    const held = new Promise((done) => (release = done));
    await page.route('**/api/ops?*', async (route) => {
        await held;
        await route.continue();
    });
    const before = await page.locator('[data-figure=visits]').textContent();
    await page.getByRole('button', { name: '7 ngày' }).click();
    await page.locator('.progress.on').waitFor({ state: 'attached' });
    is((await page.locator('[data-figure=visits]').textContent()) === before, 'the old figure stands');
    release();
    await page.waitForFunction((b) => document.querySelector('[data-figure=visits]').textContent !== b, before);
});

await test('a refused piece: closing keeps what was edited; Escape closes', DESK, async (page) => {
    const report = await json('/import/claims', { method: 'POST', body: '<GIAMDINHHS><BAN_NHAP', headers: { 'X-File-Name': 'draft.xml' } });
    is(report.claims.rejected + report.issues.length > 0, 'something is refused');
    await open(page, '/rejects');
    await page.locator('tbody .row-button').first().click();
    await page.waitForFunction(() => document.querySelector('.side textarea')?.value.includes('<'));
    const [wide, box] = await page.locator('.list-side .scroll').evaluate((e) => [e.scrollWidth, e.clientWidth]);
    is(wide <= box, `beside an open piece the list is ${wide} px wide in ${box}`);
    await page.locator('.side textarea').fill('<GIAMDINHHS/>');
    await page.keyboard.press('Escape');
    await page.locator('.side').waitFor({ state: 'detached' });
    await page.locator('tbody .row-button').first().click();
    await page.waitForFunction(() => document.querySelector('.side textarea')?.value === '<GIAMDINHHS/>');
});

await test('a refused piece: j and k walk the list and type nothing; Escape gives the focus back', DESK, async (page) => {
    for (const name of ['walk1', 'walk2']) await json('/import/claims', { method: 'POST', body: `<GIAMDINHHS><${name}`, headers: { 'X-File-Name': `${name}.xml` } });
    await open(page, '/rejects');
    const chosen = () => page.evaluate(() => [...document.querySelectorAll('tbody tr')].findIndex((r) => r.classList.contains('chosen')));
    const ready = () => page.waitForFunction(() => document.querySelector('.side textarea')?.value.includes('<'));
    for (const [key, row] of [['j', 0], ['j', 1], ['k', 0], ['j', 1]]) {
        await page.keyboard.press(key);
        await ready();
        is((await chosen()) === row, `${key} chooses row ${row}, not ${await chosen()}`);
        is(await page.evaluate(() => document.activeElement === document.querySelector('tr.chosen .row-button')), 'the focus is on the row');
    }
    is((await page.locator('.side .actions button').count()) === 1, 'nothing was edited');
    const id = await page.evaluate(() => document.activeElement.id);
    await page.keyboard.press('Enter'); // from its row: ready to be mended
    await page.waitForFunction(() => document.activeElement?.id === 'piece');
    await page.keyboard.press('Escape');
    await page.locator('.side').waitFor({ state: 'detached' });
    await page.waitForFunction((i) => document.activeElement?.id === i, id);
    await page.keyboard.press('Enter');
    await page.waitForFunction(() => document.activeElement?.id === 'piece');
});

await test('files that wait go on while another page is looked at', DESK, async (page) => {
    let release;
    const held = new Promise((done) => (release = done));
    await page.route('**/import/claims', async (route) => {
        await held;
        await route.continue();
    });
    await open(page, '/import');
    await page.locator('input[type=file]').setInputFiles(['one', 'two'].map((n) => ({ name: `${n}.xml`, mimeType: 'text/xml', buffer: Buffer.from(`<GIAMDINHHS><${n}`) })));
    await page.locator('.jobs progress').waitFor();
    await page.getByRole('link', { name: 'Từ chối' }).click();
    await page.locator('.rejects').waitFor();
    release();
    await page.waitForResponse((r) => r.url().endsWith('/import/claims') && r.request().headers()['x-file-name'] === 'two.xml');
    await page.getByRole('link', { name: 'Nhập tệp' }).click();
    await page.locator('.jobs .report').nth(1).waitFor();
    is((await page.locator('.jobs .report').first().textContent()).includes('Chưa nhận được gì'), 'what was refused whole is not called taken in part');
});

await test('a record that is read in part says nothing about the rest of it', DESK, async (page) => {
    let release;
    const held = new Promise((done) => (release = done));
    let whole = 0;
    const answer = await json(`/api${record}`);
    await page.route((url) => url.pathname === `/api${record}`, async (route) => {
        if (new URL(route.request().url()).searchParams.has('newest')) return route.fulfill({ json: { ...answer, visits: answer.visits.slice(0, 1), allergies: null, whole: false } });
        whole++;
        await held;
        return whole === 1 ? route.abort() : route.continue();
    });
    await page.goto(base + record);
    await page.locator('.life svg').waitFor();
    const text = await page.locator('main').textContent();
    is(/Các lượt khám đang đọc tiếp/.test(text), 'no number of visits');
    const facts = (await page.locator('.facts .quiet').allTextContents()).join(' | ');
    is(!/Chẩn đoán mới|Thuốc mới/.test(text) && /\d/.test(facts) && !/lần|từ/.test(facts), `nothing is called new, no times, no beginnings: ${facts}`);
    is((await page.locator('main').getAttribute('aria-busy')) === 'true', 'it is told to be on its way');
    const from = () => page.locator('.lifeline header .quiet').textContent();
    const part = await from();
    release();
    await page.locator('.problem').waitFor();
    is((await page.locator('main').getAttribute('aria-busy')) === 'false' && (await page.locator('.life svg').count()) === 1, 'a failure leaves what is known in view');
    await page.getByRole('button', { name: 'Thử lại' }).click();
    await page.waitForFunction((n) => document.querySelector('.visits h2').textContent.endsWith(` ${n}`), answer.visits.length);
    is((await page.locator('.problem').count()) === 0, 'and it is mended');
    const first = answer.visits.at(-1).start.slice(0, 10).split('-').reverse().join('/');
    is(part !== (await from()) && (await from()).startsWith(first), `the lifeline begins with the first visit ${first}, not ${await from()}`);
    const today = new Date(Date.now() + 7 * 3600000).toISOString().slice(0, 10).split('-').reverse().join('/');
    is((await from()).endsWith(today), 'and ends today');
}, { errors: true });

/** The claim of the test's file under another MA_LK. */
const another = async (tag) =>
    (await readFile(claimFile, 'utf8')).replace(/<NOIDUNGFILE>([^<]*)<\/NOIDUNGFILE>/g, (_, b64) =>
        `<NOIDUNGFILE>${Buffer.from(Buffer.from(b64, 'base64').toString().replace(/(<MA_LK>)[^<]*/g, `$1${tag}`)).toString('base64')}</NOIDUNGFILE>`);

await test("others' records that come in do not ask for this one all the time", DESK, async (page) => {
    await open(page, record);
    await page.locator('.link-live').waitFor();
    const asked = []; // when
    page.on('request', (r) => new URL(r.url()).pathname === `/api${record}` && asked.push(Date.now()));
    const heard = (n) => page.evaluate((k) => new Promise((done) => {
        const source = new EventSource('/api/live');
        source.addEventListener('live', (e) => JSON.parse(e.data).records > k && (source.close(), done()));
    }), n);
    for (const tag of ['TEST.CALM.1', 'TEST.CALM.2']) {
        const before = (await json('/api/ops')).totals.records;
        await json('/import/claims', { method: 'POST', body: await another(tag) });
        is((await json('/api/ops')).totals.records > before, 'a record came in');
        await heard(before); // by the page too, which then gathers changes for 1.5 s
        if (asked.length === 0) await page.waitForRequest((r) => new URL(r.url()).pathname === `/api${record}`); // at once after the first
        await page.waitForTimeout(2000);
    }
    is(asked.length > 0 && asked.every((at, i) => i === 0 || at - asked[i - 1] > 14000), `asked at ${asked}: later after the second change`);
});

await test('a wall whose curves do not come shows no disease over the figures of all visits', WALL, async (page) => {
    await page.route('**/api/ops?icd=*', (route) => route.abort());
    await open(page, '/wall');
    await page.locator('.wall-curve .mark-g').first().waitFor();
    for (let i = 0; i < 3; i++) {
        await page.keyboard.press('ArrowRight');
        is((await page.locator('.wall-curve h2').textContent()).startsWith('Tất cả lượt khám'), 'the title is that of what is drawn');
    }
    await page.unroute('**/api/ops?icd=*');
    await page.reload();
    await page.locator('.wall-curve .mark-g').first().waitFor();
    await page.waitForFunction(() => {
        document.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowRight' }));
        return !document.querySelector('.wall-curve h2').textContent.startsWith('Tất cả');
    }, null, { polling: 200 });
}, { errors: true });

await test('an own period by keyboard: digits as they are typed, nothing asked for the year 2', DESK, async (page) => {
    const odd = [];
    page.on('request', (r) => /from=0/.test(r.url()) && odd.push(r.url()));
    await open(page, '/');
    await page.getByRole('button', { name: 'Chọn ngày' }).click();
    await page.locator('.dates input').first().focus();
    await page.keyboard.type('01152026', { delay: 320 }); // longer than the clock's second
    await page.waitForURL((u) => u.searchParams.get('from') === '2026-01-15');
    is(odd.length === 0, `asked: ${odd}`);
    await page.locator('.dates input').last().fill('2026-01-10');
    await page.locator('.dates', { hasText: 'sau ngày kết thúc' }).waitFor(); // turned days are told
    is(new URL(page.url()).searchParams.get('to') !== '2026-01-10', 'and not asked');
});

await test('an address that is wrong opens as the usual page; days and facts are told right', DESK, async (page) => {
    await open(page, '/?days=abc&from=x&sex=2');
    await page.locator('[data-figure=visits]').waitFor();
    is((await page.locator('.chip').count()) === 1, 'only the sex is a filter');
    is(/^\d\d\/\d\d\/\d{4}$/.test(await page.locator('.tile-visits tbody td').first().textContent()), 'a day of a table is written as people here do');
    await page.locator('.tile-visits .popper button').first().click();
    is((await page.locator('.pop.info').textContent()).includes('khớp bộ lọc'), 'facilities are not said to have sent nothing');
    await page.evaluate(() => {
        history.pushState(null, '', '/citizens/%E0%A4%A');
        dispatchEvent(new PopStateEvent('popstate'));
    });
    await page.locator('.problem').waitFor();
}, { errors: true });

await test('a week is unfinished only where the data ends, not where the period does', DESK, async (page) => {
    const last = Date.parse((await json('/api/ops')).to);
    const day = (n) => new Date(last - n * 86400000).toISOString().slice(0, 10);
    const back = 28 + ((new Date(last).getUTCDay() + 4) % 7); // a Wednesday
    await open(page, `/?from=${day(back + 13)}&to=${day(back)}`);
    await page.locator('.tile-curve .mark-g').first().waitFor();
    await page.waitForFunction(() => document.querySelectorAll('.tile-curve .bar.open').length === 0);
});

await test('a screen that does not come says so and is there after another try', DESK, async (page) => {
    await open(page, '/');
    await page.route('**/*.js', (route) => route.abort());
    await page.getByRole('link', { name: 'Nhập tệp' }).click();
    await page.locator('.problem').waitFor();
    is((await page.locator('.problem').textContent()).includes('Chưa tải được'), 'what happened');
    await page.unroute('**/*.js');
    await page.getByRole('button', { name: 'Thử lại' }).click();
    await page.locator('.drop').waitFor();
}, { errors: true });

await test('search: the field follows the address; the way back leads to the same line', PHONE, async (page) => {
    await open(page, '/citizens?q=nguyen');
    await page.locator('#hits li').nth(30).scrollIntoViewIfNeeded();
    const y = await page.evaluate(() => scrollY);
    is(y > 500, `scrolled to ${y}`);
    await page.locator('#hits li').nth(30).click();
    await page.locator('.banner h1').waitFor();
    await page.waitForFunction(() => scrollY === 0); // a record begins at its top
    await page.goBack();
    await page.waitForFunction((at) => Math.abs(scrollY - at) < 3, y);
    await page.getByRole('navigation').getByRole('link', { name: 'Người dân' }).click();
    await page.waitForFunction(() => document.querySelector('main input').value === '' && !document.querySelector('#hits li'));
    await page.goBack();
    await page.waitForFunction(() => document.querySelector('main input').value === 'nguyen');
});

await test('drugs: the bars show the days that were prescribed and the gaps between them', DESK, async (page) => {
    await page.route((url) => url.pathname === `/api/citizens/${someone.id}`, async (route) => {
        const answer = await (await route.fetch()).json();
        const day = (n) => new Date(Date.now() - n * 86400000).toISOString().slice(0, 10);
        answer.drugs = [{ code: 'X', name: 'Metformin', first: day(300), last: day(20), times: 3, dose: null, given: [[day(300), 28], [day(272), 28], [day(20), 28]] }];
        await route.fulfill({ json: answer });
    });
    is((await json(`/api${record}`)).drugs.every((d) => d.given.length === d.times && d.given.every(([day, days]) => /^\d{4}-\d\d-\d\d$/.test(day) && days >= 0)), 'the server tells every prescription');
    await open(page, record);
    await counted(page, '.life .drug-bar', 2); // a gap between them
    is((await page.locator('.life table').nth(1).textContent()).includes('dài nhất 224 ngày'), 'the gap in words for those who do not see it');
});

/** One citizen with n visits, three days apart, from the visits of a claim file. */
async function longLife(n) {
    const text = await readFile(claimFile, 'utf8');
    const hoso = /<HOSO>[\s\S]*?<\/HOSO>/.exec(text)[0];
    const one = (i) => hoso.replace(/<NOIDUNGFILE>([^<]*)<\/NOIDUNGFILE>/g, (_, b64) => {
        const table = Buffer.from(b64, 'base64').toString()
            .replace(/(<MA_LK>)[^<]*/g, `$1TEST.LONG.${i}`)
            .replace(/(<HO_TEN>)[^<]*/, '$1Công Tằng Tôn Nữ Thị Ngọc Quỳnh Anh Thư Hoàng Bảo Phúc')
            .replace(/(<SO_CCCD>)[^<]*/, '$1999190009999').replace(/(<MA_THE_BHYT>)[^<]*/, '$1GD4999900009999').replace(/(<MA_BN>)[^<]*/, '$1TEST.LONG')
            .replace(/<(?!NGAY_SINH|GT_THE|NGAYCAP)(\w+)>(20\d{6})(\d{4})</g, (_, tag, day, time) => {
                const at = Date.UTC(day.slice(0, 4), day.slice(4, 6) - 1, day.slice(6, 8)) - i * 3 * 86400000;
                return `<${tag}>${new Date(at).toISOString().slice(0, 10).replaceAll('-', '')}${time}<`;
            });
        return `<NOIDUNGFILE>${Buffer.from(table).toString('base64')}</NOIDUNGFILE>`;
    });
    const all = Array.from({ length: n }, (_, i) => one(i)).join('');
    return text.replace(/<HOSO>[\s\S]*<\/HOSO>/, () => all).replace(/(<SOLUONGHOSO>)\d+/, `$1${n}`);
}

await test('a life of 1,200 visits and a long name', DESK, async (page) => {
    const report = await json('/import/claims', { method: 'POST', body: await longLife(1200), headers: { 'X-File-Name': 'long.xml' } });
    is(report.claims.new === 1200, `taken: ${JSON.stringify(report.claims)}`);
    const id = (await json('/api/citizens?q=999190009999')).citizens[0].id;
    const median = async (path) => {
        const times = [];
        for (let i = 0; i < 5; i++) {
            const start = performance.now();
            await json(path);
            times.push(performance.now() - start);
        }
        return times.sort((a, b) => a - b)[2].toFixed(0);
    };
    const first = await json(`/api/citizens/${id}?newest=60`);
    is(first.whole === false && first.visits.length === 60 && first.allergies === null, 'the first answer says that it is a part');
    is((await json(`/api/citizens/${id}`)).whole, 'the second one is whole');
    is((await json(`/api/citizens/${id}?newest=5000`)).whole, 'as many as there are is all');
    await open(page, `/citizens/${id}`);
    await page.locator('.life svg').waitFor();
    const drawn = (await page.evaluate(() => performance.now())).toFixed(0);
    console.log(`# record of 1,200 visits, ${report.resources} resources: first answer ${await median(`/api/citizens/${id}?newest=60`)} ms, whole ${await median(`/api/citizens/${id}`)} ms (medians of 5), from address to drawn ${drawn} ms`);
    await page.locator('main[aria-busy=false]').waitFor();
    const life = (await json(`/api/citizens/${id}`)).visits.at(-1).start.slice(0, 10).split('-').reverse().join('/');
    is((await page.locator('.lifeline header .quiet').textContent()).startsWith(life), `the lifeline shows all of it, from ${life}`);
    is((await page.locator('.visits h2').textContent()).includes('1.200'), 'all visits are counted');
    is((await page.locator('.facts').first().textContent()).includes('1.200 lần'), 'thousands in the lists too');
    const marks = await page.locator('.life .life-mark').count();
    is(marks > 50 && marks < 800, `${marks} marks: near ones stand together under a number`);
    const boxes = await page.locator('.life text[text-anchor=middle]').evaluateAll((list) => list.map((e) => e.getBoundingClientRect()).map((b) => [b.left, b.right]));
    is(boxes.length > 3 && boxes.every((b, i) => i === 0 || b[0] > boxes[i - 1][1]), 'the numbers do not overlap');
    is((await page.locator('.banner').boundingBox()).height < 200, 'a long name leaves the banner small');
    await page.keyboard.press('j');
    await page.locator('.visit.open .bill').waitFor();
    await shot(page, 'long-life');
    await page.setViewportSize({ width: PHONE[0], height: PHONE[1] });
    await noSideScroll(page);
});

console.log(`1..${count()}`);
await end();
