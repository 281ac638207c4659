// Claims on the screen: node claims_test.mjs BASE SHOTS. BASE serves a small province whose citizens were matched. TAP on stdout.
import { axe, counted, DESK, focused, harness, is, noSideScroll, painted, PHONE } from './harness.mjs';

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

const first = await broken();
const sum = '[id="at-XML1|1|T_BHTT"]';

await test('repair: F8 goes to what is wrong, typing is checked at each key, the focus stays', [1920, 1080], async (page) => {
    await open(page, `/giam-dinh/${first.id}`);
    await page.locator('[data-verdict=alarm]').waitFor();
    is((await page.locator('.claim-field.blocks').count()) > 0, 'findings stand at their fields');
    for (let i = 0; i < 20 && (await page.evaluate(() => document.activeElement.id)) !== 'at-XML1|1|T_BHTT'; i++) {
        await page.keyboard.press('F8'); // the focus is there before the next key
    }
    is((await page.evaluate(() => document.activeElement.id)) === 'at-XML1|1|T_BHTT', 'F8 reaches the sum');
    await page.locator('.here .finding').first().waitFor();
    await shot(page, 'repair-desk');
    await page.keyboard.press('Control+A');
    for (let n = 1; n <= first.asked.length; n++) {
        const same = first.asked.slice(0, n) === '1'; // as it is stored: nothing to check
        await Promise.all([same || page.waitForRequest((r) => r.url().includes('/api/claims/check')), page.keyboard.type(first.asked[n - 1])]);
    }
    await page.locator('[data-verdict=normal], [data-verdict=watch]').waitFor();
    is((await page.evaluate(() => document.activeElement.id)) === 'at-XML1|1|T_BHTT', 'the focus is where it was');
    is((await page.locator(`${sum}`).inputValue()) === first.asked, 'what was typed stands');
    await counted(page, '.claim-field.changed .before', 1); // the former value stands beside it
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
    is(!/co-so|WORK/.test(await page.locator('.verdict').innerText()), 'what was not checked is said in words');
    await page.locator('[id="at-XML1|1|LY_DO_VV"]').fill('Ho');
    await page.getByRole('button', { name: 'Bỏ các sửa đổi' }).press('Enter');
    await focused(page, '[id="at-XML1|1|LY_DO_VV"]'); // the button went away: the keyboard goes on at the field
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
        await axe(page, 'repair');
    }, { axe: true, context: { colorScheme: scheme } });

await test('repair: a visit that is not there, and a server that is slow', DESK, async (page) => {
    await page.goto(`${base}/giam-dinh/none`);
    await page.locator('.problem').waitFor();
    await page.locator('main a[href="/giam-dinh"]').waitFor(); // no dead end
    let release;
    const held = new Promise((done) => (release = done));
    await page.route('**/api/visits/**', async (route) => {
        await held;
        await route.continue();
    });
    await page.goto(`${base}/giam-dinh/${first.id}`);
    await page.locator('.skeleton-lines').waitFor();
    release();
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
    await focused(page, '#why'); // the reason is asked for
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
    await page.locator('.nav-sheet').waitFor({ state: 'detached' });
});

// ---- the funnel and its lists

for (let i = 0; i < 100; i++) {
    const { progress } = await json('/api/claims/counts');
    if (progress.current && progress.to_renew === 0) break;
    await new Promise((done) => setTimeout(done, 200));
}
const number = async (page, where) => Number((await page.locator(where).first().textContent()).replaceAll(/\D/g, ''));
/** All rows behind an address, page by page. */
async function rowsOf(query) {
    const rows = [];
    for (let after = ''; ; ) {
        const page = await json(`/api/claims/list?count=200&${query}&after=${encodeURIComponent(after)}`);
        rows.push(...page.rows);
        if (!page.next) return rows;
        after = page.next;
    }
}

await test('funnel: every count opens a list that is as long', [1920, 1080], async (page) => {
    await open(page, '/giam-dinh');
    await page.locator('[data-stage=imported]').waitFor();
    await shot(page, 'claims-desk');
    const links = await page.locator('.funnel a').evaluateAll((list) => list.map((a) => [a.getAttribute('href'), Number(a.querySelector('b').textContent.replaceAll(/\D/g, ''))]));
    is(links.length >= 8, `${links.length} counts`);
    for (const [href, n] of links) {
        const rows = await rowsOf(href.split('?')[1] ?? '');
        is(rows.length === n, `${href}: ${n} counted, ${rows.length} listed`);
    }
    await page.locator('.rule-list li').first().waitFor();
    const rules = await page.locator('.rule-list li a').evaluateAll((list) => list.map((a) => [a.dataset.rule, Number(a.querySelector('b').textContent.replaceAll(/\D/g, ''))]));
    for (const [rule, n] of rules.slice(0, 3)) is((await rowsOf(`rule=${rule}`)).length === n, `rule ${rule}: ${n}`);
    await page.locator('[data-state=entered]').click();
    await page.waitForFunction(() => document.querySelectorAll('.work tbody tr').length > 0 && [...document.querySelectorAll('.work tbody tr')].every((r) => r.textContent.includes('Cần sửa')));
    is(new URL(page.url()).searchParams.get('state') === 'entered', 'the address says so');
});

await test('funnel: a book that is behind says how far and looks again; an opened list stays', DESK, async (page) => {
    let position = 400;
    await page.route('**/api/claims/counts*', async (route) => {
        const answer = await route.fetch();
        const body = await answer.json();
        body.progress = { ...body.progress, position, snapshot: 800, current: position === 800 };
        await route.fulfill({ response: answer, json: body });
    });
    await open(page, '/giam-dinh');
    await page.getByText('400/800 bản ghi (50 %)').waitFor();
    await page.locator('.work > .button').click();
    await page.waitForFunction(() => document.querySelectorAll('.work tbody tr').length === 200);
    position = 600;
    await page.getByText('600/800 bản ghi (75 %)').waitFor();
    position = 800;
    await page.locator('[data-progress]').waitFor({ state: 'detached' });
    await painted(page);
    await counted(page, '.work tbody tr', 200); // both pages stand
});

await test('list: what comes in meanwhile renews it; pages, selection, scroll and focus stay', DESK, async (page) => {
    await open(page, '/giam-dinh?state=checked');
    const rows = (n) => page.waitForFunction((k) => document.querySelectorAll('.work tbody tr').length === k, n);
    const all = await rowsOf('state=checked');
    await rows(Math.min(100, all.length));
    await page.locator('.more-rows').focus();
    await page.keyboard.press('Enter');
    await rows(200);
    await page.locator('.work tbody a.row-button').nth(150).focus();
    await page.keyboard.press('x');
    const at = () => page.evaluate(() => [document.activeElement.id, Math.round(document.activeElement.getBoundingClientRect().top), document.querySelectorAll('.work tr.chosen').length].join());
    const before = await at();
    is(before.startsWith(`claim-${all[150].id},`) && before.endsWith(',1'), `the focus is on what was selected: ${before}`);
    const renewed = () => page.waitForResponse((r) => /claims\/list\?.*count=200/.test(r.url()));
    const edit = async (id, field, value) => is((await put(id, [{ table: 'XML1', record: 1, field, value }])).ok, `${field} is changed`);
    const [answer] = await Promise.all([renewed(), edit(all[20].id, 'LY_DO_VV', 'Khám lại')]);
    await answer.finished();
    await painted(page);
    await rows(200);
    is((await at()) === before, `everything is where it was: ${await at()}, not ${before}`);
    await edit(all[150].id, 'T_BHTT', '1'); // leaves the list
    await page.waitForFunction((id) => !document.getElementById(id), `claim-${all[150].id}`);
    is((await at()).startsWith(`claim-${all[151].id},`) && (await at()).endsWith(',0'), `the focus is on the row that took its place: ${await at()}`);
    await page.locator('.steps').waitFor({ state: 'detached' });
    await page.keyboard.press('Enter');
    await page.locator('[data-verdict]').waitFor();
    await page.keyboard.press('Escape');
    await rows(200); // opened as far as it was
});

await test('list: j and k move, x selects, Enter opens, ] goes on, Esc comes back', DESK, async (page) => {
    await open(page, '/giam-dinh?state=entered');
    await page.locator('.work tbody tr').first().waitFor();
    for (const k of ['j', 'j', 'k', 'x']) await page.keyboard.press(k);
    await counted(page, '.work tr.chosen', 1);
    await page.locator('.steps').waitFor();
    const [first, second] = await page.locator('.work a.row-button').evaluateAll((list) => list.slice(0, 2).map((a) => a.getAttribute('href')));
    is((await page.evaluate(() => document.activeElement.getAttribute('href'))) === first, 'the focus is on the row');
    await page.keyboard.press('Enter');
    await page.locator('[data-verdict=alarm]').waitFor();
    is(new URL(page.url()).pathname === first, 'Enter opens it');
    await page.keyboard.press(']');
    await page.waitForFunction((to) => location.pathname === to, second);
    await page.locator('[data-verdict]').waitFor();
    await page.keyboard.press('Escape');
    await page.locator('.work tbody tr').first().waitFor();
    is(page.url().endsWith('/giam-dinh?state=entered'), 'Esc is the way back to the same list');
    await focused(page, `.work a[href="${second}"]`); // and to the row that was left
});

await test('fix: the preview says what happens, then it happens, undo takes it back as a whole', [1920, 1080], async (page) => {
    await asWho(page);
    const facility = (await json('/api/claims/counts')).facilities.sort((a, b) => a.n - b.n)[0].facility;
    const before = await Promise.all((await rowsOf(`facility=${facility}&state=entered,checked`)).map(async (r) => (await claimOf(r.id)).mark));
    await open(page, `/giam-dinh?facility=${facility}`);
    await page.locator('.work tbody tr').first().waitFor();
    await page.keyboard.press('f');
    await page.locator('.fix select').nth(1).waitFor();
    await page.waitForFunction(() => document.activeElement.id === 'fix-table');
    await page.waitForFunction(() => document.querySelectorAll('.fix select')[1].options.length > 20);
    await page.locator('.fix select').nth(1).selectOption('GHI_CHU');
    await page.locator('.fix .check input').check();
    await page.locator('.fix form input').last().fill('Sửa hàng loạt');
    await page.getByRole('button', { name: 'Xem trước' }).click();
    await page.locator('.plan').waitFor();
    await shot(page, 'fix-desk');
    await page.locator('.fix .decide .primary').click();
    await page.locator('.undo-bar button').first().waitFor();
    const after = await Promise.all((await rowsOf(`facility=${facility}`)).map(async (r) => (await claimOf(r.id)).tables.XML1[0][column('XML1', 'GHI_CHU')]));
    is(after.filter((v) => v === 'Sửa hàng loạt').length === before.length, `${after.length} of ${before.length} were fixed`);
    await page.locator('.undo-bar button').first().click();
    await page.getByText('Đã hoàn tác').first().waitFor();
    const again = await Promise.all((await rowsOf(`facility=${facility}`)).map(async (r) => (await claimOf(r.id)).mark));
    is(again.length === before.length && again.every((m) => before.includes(m)), 'they say what they said before');
    await page.keyboard.press('Escape');
    await page.locator('.fix').waitFor({ state: 'detached' });
    await page.waitForFunction(() => document.activeElement.id === 'main');
});

await test('a step that nobody signs for says so beside the field', DESK, async (page) => {
    await open(page, '/giam-dinh?state=checked');
    await page.locator('.work tbody input').first().check();
    await page.locator('.steps .primary').click();
    const field = page.locator('.steps #who');
    await focused(page, '#who[aria-invalid=true]'); // the name is asked for
    is((await page.locator('.steps .missing').innerText()) === 'Hãy ghi tên người thực hiện.', 'in a sentence');
    await field.fill('Kiểm thử');
    await page.locator('.missing').waitFor({ state: 'detached' });
    is((await field.getAttribute('aria-invalid')) === null, 'once');
});

await test('settlement: a month, its closing, a report with its files', [1920, 1080], async (page) => {
    await asWho(page);
    const { facility } = (await json('/api/claims/counts')).facilities[0];
    await open(page, `/quyet-toan?facility=${facility}`);
    await page.locator('.settle tbody tr').first().waitFor();
    const { months } = await json(`/api/settle/months?facility=${facility}`);
    const last = months[months.length - 1].month;
    await page.locator(`.settle tbody a[href*="month=${last}"]`).first().click();
    await page.locator('.closing tbody tr').first().waitFor();
    const behind = (await rowsOf(new URLSearchParams({ facility, from: last, to: last, state: 'entered,checked,corrected,signed' }).toString())).length;
    const top = (await page.locator('.closing').boundingBox()).y;
    is(top < 600, `what was chosen is seen at once (${top})`);
    is((await page.locator('.closing a[href^="/giam-dinh"]').innerText()).startsWith(`${behind} hồ sơ`), 'what a closing would leave out is told before');
    is(behind === months[months.length - 1].not_sent, `not sent ${months[months.length - 1].not_sent}, listed ${behind}`);
    await page.getByRole('link', { name: 'Tuổi hồ sơ chưa gửi' }).click();
    await page.locator('.report-view tfoot').waitFor();
    const csv = await page.locator('.report-view a[href*="format=csv"]').getAttribute('href');
    is((await fetch(base + csv)).ok, 'the file is there');
    await shot(page, 'settle-desk');
    await page.getByRole('button', { name: 'Chốt tháng', exact: true }).click();
    const form = page.locator('.closing form', { hasText: 'không mở lại được' });
    await form.waitFor();
    is(/Sẽ chốt tháng \d{2}\/\d{4} của .+: [\d.]+ hồ sơ đã ký, đề nghị quỹ trả [\d.,]+\s₫/.test(await form.innerText()), 'what will be closed, how many and how much');
    is((await json(`/api/settle/months/${facility}/${last}`)).closed === null, 'what it means is said first');
    await shot(page, 'settle-close-desk');
    await page.locator('.closing form [type=submit]').click();
    await page.locator('.closing th', { hasText: 'Lúc chốt' }).waitFor();
    is((await json(`/api/settle/months/${facility}/${last}`)).closed !== null, 'the month is closed');
});

for (const [path, name] of [['/giam-dinh', 'claims'], ['/giam-dinh?fix=1', 'fix'], ['/quyet-toan', 'settle']])
    for (const scheme of ['light', 'dark'])
        await test(`${name}: 360 px, ${scheme}: fits, WCAG 2.2 AA`, PHONE, async (page) => {
            await page.goto(base + path);
            await page.locator(path.includes('fix') ? '.fix form' : '.work tbody tr, .settle .empty').first().waitFor();
            await noSideScroll(page);
            await shot(page, `${name}-phone-${scheme}`);
            await axe(page, name);
        }, { axe: true, context: { colorScheme: scheme } });

await end();
