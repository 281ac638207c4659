// Claims on the screen: node claims_test.mjs BASE SHOTS. BASE serves a small province whose citizens were matched. TAP on stdout.
import { axeSource, DESK, harness, is, noSideScroll, PHONE } from './harness.mjs';

const [, , base, shots] = process.argv;
const { test, json, shot, open, end } = await harness(base, shots, 'c');
const tables = (await json('/api/claims/tables')).tables;
const column = (table, field) => tables.find((t) => t.table === table).fields.findIndex((f) => f.field === field);
const claimOf = (id) => json(`/api/visits/${id}/claim`);
const put = async (id, edits, mark) => fetch(`${base}/api/visits/${id}/claim`, { method: 'PUT', headers: { 'If-Match': `"${mark ?? (await claimOf(id)).mark}"` }, body: JSON.stringify({ who: 'Kiểm thử', edits }) });
const visits = [];
for (const c of (await json('/api/citizens?q=nguyen&count=20')).citizens)
    for (const v of (await json(`/api/citizens/${c.id}`)).visits) if (v.cost !== null) visits.push(v.id);

/** A claim that the fund would not pay: its sum is wrong, and a machine is missing. */
async function broken() {
    for (const id of visits.splice(0)) {
        const claim = await claimOf(id);
        if (claim.check.blocks > 0 || (claim.tables.XML3 ?? []).length < 1) continue;
        const asked = claim.tables.XML1[0][column('XML1', 'T_BHTT')];
        const done = await put(id, [{ table: 'XML1', record: 1, field: 'T_BHTT', value: '1' }]);
        if (done.ok && (await claimOf(id)).check.blocks > 0) return { id, asked };
    }
    throw new Error('no claim to break');
}
const asWho = (page) => page.addInitScript(() => localStorage.setItem('nhip.who', 'Kiểm thử'));
const axe = async (page, what) => {
    await page.evaluate(axeSource);
    const { violations } = await page.evaluate(() => globalThis.axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] }));
    is(violations.length === 0, `${what}: ${violations.map((v) => `${v.id}: ${v.nodes[0].html.slice(0, 120)}`).join(' | ')}`);
};

const first = await broken();
const sum = '[id="at-XML1|1|T_BHTT"]';

await test('repair: F8 goes to what is wrong, typing is checked at each key, the focus stays', [1920, 1080], async (page) => {
    await open(page, `/giam-dinh/${first.id}`);
    await page.locator('[data-verdict=alarm]').waitFor();
    is((await page.locator('.claim-field.blocks').count()) > 0, 'findings stand at their fields');
    for (let i = 0; i < 20 && (await page.evaluate(() => document.activeElement.id)) !== 'at-XML1|1|T_BHTT'; i++) {
        await page.keyboard.press('F8');
        await page.waitForTimeout(60);
    }
    is((await page.evaluate(() => document.activeElement.id)) === 'at-XML1|1|T_BHTT', 'F8 reaches the sum');
    await page.locator('.here .finding').first().waitFor();
    await shot(page, 'repair-desk');
    await page.keyboard.press('Control+A');
    const checks = [];
    page.on('request', (r) => r.url().includes('/api/claims/check') && checks.push(r));
    await page.keyboard.type(first.asked, { delay: 200 });
    await page.locator('[data-verdict=normal], [data-verdict=watch]').waitFor();
    is(checks.length >= Math.min(3, first.asked.length), `${checks.length} checks of ${first.asked.length} keys`);
    is((await page.evaluate(() => document.activeElement.id)) === 'at-XML1|1|T_BHTT', 'the focus is where it was');
    is((await page.locator(`${sum}`).inputValue()) === first.asked, 'what was typed stands');
    is((await page.locator('.claim-field.changed .before').count()) === 1, 'the former value stands beside it');
});

await test('repair: what is typed and not saved is there again when one comes back', DESK, async (page) => {
    await open(page, '/rejects');
    await page.evaluate((to) => history.pushState(null, '', to), `/giam-dinh/${first.id}`);
    await page.evaluate(() => dispatchEvent(new PopStateEvent('popstate')));
    await page.locator(sum).fill('77');
    await page.locator('a[href="/import"]').first().click();
    await page.locator('.drop').waitFor();
    await page.goBack();
    await page.locator(sum).waitFor();
    is((await page.locator(sum).inputValue()) === '77', 'the draft is kept');
});

await test('repair: Ctrl+S saves a new version, undo sends the former one again', DESK, async (page) => {
    await asWho(page);
    const before = await claimOf(first.id);
    await open(page, `/giam-dinh/${first.id}`);
    await page.locator(sum).fill(first.asked);
    await page.keyboard.press('Control+s');
    await page.locator('.undo-bar button').first().waitFor();
    const after = await claimOf(first.id);
    is(after.version === before.version + 1 && after.check.blocks === 0, `version ${after.version}, ${after.check.blocks} block`);
    await page.getByRole('button', { name: 'Bản trước' }).click();
    await page.locator('.differences li').first().waitFor();
    is((await page.locator('.differences li').count()) === 1, 'one difference to the former version');
    await page.locator('.undo-bar button').first().click();
    await page.locator('[data-verdict=alarm]').waitFor();
    is((await claimOf(first.id)).mark === before.mark, 'it says what it said before');
});

await test('repair: who was faster is not overwritten, and nothing typed is lost', DESK, async (page) => {
    await asWho(page);
    await open(page, `/giam-dinh/${first.id}`);
    await page.locator(sum).fill(first.asked);
    is((await put(first.id, [{ table: 'XML1', record: 1, field: 'LY_DO_VV', value: 'Người khác sửa' }])).ok, 'somebody else saves');
    await page.keyboard.press('Control+s');
    const reload = page.getByRole('button', { name: 'Xem bản mới, giữ phần tôi đã sửa' });
    await reload.click();
    await page.waitForFunction(() => document.getElementById('at-XML1|1|LY_DO_VV')?.value === 'Người khác sửa');
    is((await page.locator('[id="at-XML1|1|LY_DO_VV"]').inputValue()) === 'Người khác sửa', 'the other change is seen');
    is((await page.locator(sum).inputValue()) === first.asked, 'the own one is kept');
    await page.keyboard.press('Control+s');
    await page.locator('[data-verdict=normal], [data-verdict=watch]').waitFor();
    await page.locator('.undo-bar').waitFor();
    const now = await claimOf(first.id);
    is(now.tables.XML1[0][column('XML1', 'T_BHTT')] === first.asked && now.tables.XML1[0][column('XML1', 'LY_DO_VV')] === 'Người khác sửa', 'both are there');
}, { errors: true });

await test('repair: a value that is none says so at its field and cannot be saved', DESK, async (page) => {
    await asWho(page);
    await open(page, `/giam-dinh/${first.id}`);
    await page.locator('[id="at-XML1|1|NGAY_VAO"]').fill('2026');
    await page.locator('.claim-field.refuses .finding').waitFor();
    is(await page.locator('.save-bar .primary').isDisabled(), 'it cannot be saved');
    is(await page.locator('[id="at-XML1|1|NGAY_VAO"]').evaluate((e) => e.getAttribute('aria-invalid') === 'true' && document.getElementById(e.getAttribute('aria-describedby')).textContent.length > 10), 'the field says why');
});

for (const [size, scheme, lang] of [[PHONE, 'dark', 'vi'], [[1920, 1080], 'light', 'en']])
    await test(`repair: ${size[0]} px, ${scheme}, ${lang}: fits, WCAG 2.2 AA`, size, async (page) => {
        await page.addInitScript((l) => localStorage.setItem('nhip.language', l), lang);
        await open(page, `/giam-dinh/${first.id}`);
        await shot(page, `repair-${size[0]}`);
        await page.keyboard.press('F8');
        await noSideScroll(page);
        await page.setViewportSize({ width: size[0], height: 6000 }); // nothing lies under the bars
        await axe(page, 'repair');
    }, { axe: true, context: { colorScheme: scheme } });

await test('repair: a visit that is not there, and a server that is slow', DESK, async (page) => {
    await page.goto(`${base}/giam-dinh/none`);
    await page.locator('.problem').waitFor();
    await page.route('**/api/visits/**', async (route) => {
        await new Promise((done) => setTimeout(done, 400));
        await route.continue();
    });
    await page.goto(`${base}/giam-dinh/${first.id}`);
    await page.locator('.skeleton-lines').waitFor();
    await page.locator(sum).waitFor();
}, { errors: true });

// ---- one citizen, one record

await test('pairs: parted and merged by keys, with who and why', [1920, 1080], async (page) => {
    await asWho(page);
    const total = (await json('/api/mpi?status=completed')).total;
    await open(page, '/trung-ho-so?status=completed');
    is(Number(await page.locator('[data-count=completed]').textContent()) === total, 'the count is that of the list');
    await page.keyboard.press('j');
    await page.locator('.evidence tbody tr').first().waitFor();
    await shot(page, 'pairs-desk');
    await page.keyboard.press('p');
    is((await page.evaluate(() => document.activeElement.id)) === 'why', 'the reason is asked for');
    await page.locator('#why').fill('hai người cùng tên');
    await page.locator('#act-unmerge').click();
    await page.locator('#act-merge').waitFor();
    is((await json('/api/mpi?status=completed')).total === total - 1, 'it is parted');
    await page.locator('#act-merge').focus();
    await page.keyboard.press('m');
    await page.locator('.undo-bar').waitFor();
    is((await json('/api/mpi?status=completed')).total === total, 'and merged again');
    await page.locator('#main').focus();
    await page.keyboard.press('u');
    await page.getByText('Đã hoàn tác').waitFor();
    is((await json('/api/mpi?status=completed')).total === total - 1, 'undo parts them');
});

await test('pairs: 360 px, dark: fits, WCAG 2.2 AA; nothing to review says what will come', PHONE, async (page) => {
    const c = (await json('/api/mpi?status=cancelled')).cases[0];
    await page.goto(`${base}/trung-ho-so?status=cancelled&pair=${c.a}%7C${c.b}`);
    await page.locator('.evidence tbody tr').first().waitFor();
    await noSideScroll(page);
    await axe(page, 'pairs');
    await shot(page, 'pairs-phone');
    await open(page, '/trung-ho-so');
    await page.locator('.empty, .rows').first().waitFor();
}, { axe: true, context: { colorScheme: 'dark' } });

await test('the phone reaches what the bottom bar has no room for', PHONE, async (page) => {
    await open(page, '/');
    await page.getByRole('button', { name: 'Thêm' }).click();
    await page.locator('.nav-sheet a[href="/trung-ho-so"]').click();
    await page.getByRole('heading', { name: 'Trùng hồ sơ' }).waitFor();
    is((await page.locator('.nav-sheet').count()) === 0, 'the sheet is gone');
});

await end();
