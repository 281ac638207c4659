// Claims on their way to the fund: node outgoing_test.mjs BASE FUND BARE SHOTS. BASE serves an empty province whose
// destination `quy` is the stand-in at FUND (tests/http/clients/gateway.mjs), and `byt` another for copies of what 46998
// signs; BARE has no destination. TAP on stdout.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { axeSource, DESK, harness, is, noSideScroll, PHONE } from './harness.mjs';

const [, , base, fund, bare, shots] = process.argv;
const { test, json, shot, open, end } = await harness(base, shots, 'o');
const SYSTEM = 'https://nhip.vn/fhir/CodeSystem/settlement';
const file = readFileSync('tests/case/claims/GIAMDINHHS.xml', 'utf8');
const told = (how) => fetch(`${fund}/control`, { method: 'POST', body: JSON.stringify(how) });
const asWho = (page) => page.addInitScript(() => localStorage.setItem('nhip.who', 'Kiểm thử'));
const held = async () => (await json('/api/outgoing')).held;

/** A visit of its own, and its settlement Task as signing leaves it. */
async function sign(name, facility = '46999') {
    const xml = file.replace(/<NOIDUNGFILE>([^<]*)/g, (_, table) => {
        const text = Buffer.from(table, 'base64').toString().replaceAll('46999_TEST_0000000001', name).replaceAll('46999', facility);
        return `<NOIDUNGFILE>${Buffer.from(text).toString('base64')}`;
    }).replaceAll('>46999<', `>${facility}<`);
    await fetch(`${base}/import/claims`, { method: 'POST', body: xml });
    const encounter = (await json(`/fhir/Encounter?identifier=${facility}%5C%7C${name}`)).entry[0].resource.id;
    const claim = (await json(`/fhir/Claim?encounter=${encounter}`)).entry[0].resource.id;
    const concept = (code) => ({ coding: [{ system: SYSTEM, code }] });
    const input = (text, valueString) => ({ type: { text }, valueString });
    const task = {
        resourceType: 'Task',
        status: 'ready',
        intent: 'order',
        identifier: [{ system: 'https://nhip.vn/fhir/sid/settlement', value: `${facility}|${name}` }],
        code: concept('settlement'),
        businessStatus: concept('signed'),
        focus: { reference: `Claim/${claim}/_history/1` },
        encounter: { reference: `Encounter/${encounter}` },
        owner: { display: 'bs. Thử' },
        input: [input('step', 'sign'), input('file', createHash('sha256').update(xml).digest('hex'))],
    };
    const made = await fetch(`${base}/fhir/Task`, { method: 'POST', headers: { 'Content-Type': 'application/fhir+json' }, body: JSON.stringify(task) });
    is(made.status === 201, `the Task is made: ${made.status}`);
}
async function until(what, condition) {
    for (let i = 0; i < 150; i++) {
        if (await condition()) return;
        await new Promise((go) => setTimeout(go, 100));
    }
    throw new Error(`never came: ${what}`);
}

await test('one that was put aside: each attempt, and a person lets it go again', [1920, 1080], async (page) => {
    await asWho(page);
    await told({ file: '500' });
    await sign('LKW1');
    await until('put aside', async () => (await held()) === 1);
    await open(page, '/cong-giam-dinh?state=held');
    await page.locator('.row-button').waitFor();
    is((await page.locator('[data-count=held]').textContent()) === '1', 'the count is that of the list');
    await page.keyboard.press('j');
    await page.locator('.attempts li').first().waitFor();
    is((await page.locator('.attempts li').count()) === 3, 'three attempts');
    is((await page.locator('.attempts li').first().textContent()).includes('500'), 'with the code that was answered');
    await shot(page, 'outgoing-desk');
    await told({ file: 'ok' });
    await page.keyboard.press('r');
    is((await page.evaluate(() => document.activeElement.id)) === 'why', 'a reason is asked for');
    await page.keyboard.type('Cổng đã sửa');
    await page.keyboard.press('Enter');
    await until('received', async () => (await json('/api/outgoing/visits/46999/LKW1')).attempts[0].delivery === 'done');
    await page.locator('.attempts li[data-delivery=done]').waitFor();
    const released = (await json('/api/outgoing/visits/46999/LKW1')).attempts[1];
    is(released.who === 'Kiểm thử' && released.why === 'Cổng đã sửa', 'who and why are written down');
    await page.keyboard.press('Escape');
    is((await page.locator('.side').count()) === 0, 'Escape closes the side');
});

await test('a destination is paused and resumed by keys, with who and why', DESK, async (page) => {
    await asWho(page);
    await open(page, '/cong-giam-dinh');
    await page.locator('[data-target=quy]').waitFor();
    await page.keyboard.press('p');
    await page.locator('#why').fill('Quỹ bảo trì');
    await page.keyboard.press('Enter');
    await page.locator('[data-target=quy].watch').waitFor();
    const x = (await json('/api/outgoing')).targets[0];
    is(x.paused && x.who === 'Kiểm thử' && x.why === 'Quỹ bảo trì', 'it is paused');
    await sign('LKW2');
    await page.locator('[data-count=signed]', { hasText: '1' }).waitFor({ timeout: 15000 });
    is((await json('/api/outgoing')).signed === 1, 'what is signed waits');
    await page.locator('#why').fill('Xong');
    await page.keyboard.press('Enter');
    await page.locator('[data-target=quy]:not(.watch)').waitFor();
    await until('sent', async () => (await json('/api/outgoing')).signed === 0);
});

await test('what the fund refuses: 360 px, dark, English: fits, WCAG 2.2 AA', PHONE, async (page) => {
    await told({ file: '201' });
    await sign('LKW3');
    await until('refused', async () => (await json('/api/outgoing')).refused === 1);
    await page.emulateMedia({ colorScheme: 'dark' });
    await page.addInitScript(() => localStorage.setItem('nhip.language', 'en'));
    for (const [at, name] of [['?state=refused', 'outgoing-phone'], ['?state=refused&visit=46999%7CLKW3', 'outgoing-side-phone'], ['?target=quy', 'outgoing-target-phone']]) {
        await page.goto(`${base}/cong-giam-dinh${at}`); // on a phone the side stands alone
        await page.locator(at.includes('visit') ? '.attempts li' : at.includes('target') ? '#why' : '.row-button').first().waitFor();
        await noSideScroll(page);
        await page.evaluate(() => scrollTo(0, document.body.scrollHeight)); // nothing half behind the bottom bar
        await page.evaluate(axeSource);
        const { violations } = await page.evaluate(() => globalThis.axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] }));
        is(violations.length === 0, `${name}: ${violations.map((v) => `${v.id}: ${v.nodes[0].html.slice(0, 120)}`).join(' | ')}`);
        await shot(page, name);
    }
    await told({ file: 'ok' });
}, { axe: true });

await test('a copy that waits for its destination beside the fund, then goes', [1920, 1080], async (page) => {
    const act = (what) => fetch(`${base}/api/outgoing/targets/byt/${what}`, { method: 'POST', body: JSON.stringify({ who: 'Kiểm thử', why: 'Bộ bảo trì' }) });
    const copies = async () => (await json('/api/outgoing')).copies;
    await asWho(page);
    await act('pause');
    await sign('LKW4', '46998');
    await until('ordered', async () => (await copies()) === 1);
    await open(page, '/cong-giam-dinh?state=copies');
    await page.locator('.row-button').waitFor();
    is((await page.locator('[data-count=copies]').textContent()) === '1', 'the count is that of the list');
    is((await page.locator('[data-target=byt]').textContent()).includes('nhận bản sao'), 'the destination says what it gets');
    is((await page.locator('tbody tr').textContent()).includes('Bản sao tới byt'), 'the row says where the copy goes');
    await page.keyboard.press('j');
    await page.locator('.attempts li').first().waitFor();
    is((await page.locator('.attempts li').first().textContent()).includes('Chờ gửi'), 'it waits and nothing failed');
    is((await page.locator('#why').count()) === 0, 'there is nothing to release');
    await shot(page, 'outgoing-copy-desk');
    await page.keyboard.press('Escape');
    await page.setViewportSize({ width: PHONE[0], height: PHONE[1] });
    for (const [at, name] of [['?state=copies', 'outgoing-copy-phone'], ['?state=copies&visit=46998%7CLKW4', 'outgoing-copy-side-phone'], ['?target=byt', 'outgoing-copy-target-phone']]) {
        await page.goto(`${base}/cong-giam-dinh${at}`);
        await page.locator(at.includes('visit') ? '.attempts li' : at.includes('target') ? '#why' : '.row-button').first().waitFor();
        await noSideScroll(page);
        await page.evaluate(axeSource);
        const { violations } = await page.evaluate(() => globalThis.axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] }));
        is(violations.length === 0, `${name}: ${violations.map((v) => `${v.id}: ${v.nodes[0].html.slice(0, 120)}`).join(' | ')}`);
        await shot(page, name);
    }
    await act('resume');
    await until('copied', async () => (await copies()) === 0);
    await page.goto(`${base}/cong-giam-dinh?state=copies&visit=46998%7CLKW4`);
    await page.locator('.attempts li[data-delivery=done]').waitFor();
}, { axe: true });

await test('a card is asked about on the page of its holder', PHONE, async (page) => {
    const someone = (await json('/api/citizens?q=nguyen')).citizens[0];
    await open(page, `/citizens/${someone.id}`);
    await page.getByRole('button', { name: 'Hỏi cơ quan bảo hiểm' }).click();
    await page.locator('[data-card=valid]').waitFor();
    is((await page.locator('[data-card]').textContent()).includes('Thẻ đúng'), 'the fund says that it is valid');
    await noSideScroll(page);
    await shot(page, 'card-phone');
});

await test('without a destination it says so', DESK, async (page) => {
    await page.goto(`${bare}/cong-giam-dinh`);
    await page.locator('.empty').first().waitFor();
    is((await page.locator('.empty').first().textContent()).includes('gateway_targets'), 'and names the setting');
});

await end();
