// Newborns and their mothers on the screen: node newborns_test.mjs BASE SHOTS. BASE serves the real server. TAP on stdout.
import { axe, focused, harness, is, noSideScroll, PHONE } from './harness.mjs';

const [, , base, shots] = process.argv;
const { test, json, shot, open, end } = await harness(base, shots, 'n');
const asWho = (page) => page.addInitScript(() => localStorage.setItem('nhip.who', 'Kiểm thử'));

// A certificate, its mother, and a child with its card whose day is another: for people to decide.
const sid = 'https://nhip.vn/fhir/sid/';
const card = 'TE1460000000999';
const resources = {
    'Patient/me-thu': { identifier: [{ system: `${sid}cccd`, value: '999195000777' }], name: [{ text: 'Lê Thị Mẫu' }], gender: 'female', birthDate: '1995-03-04' },
    'Patient/con-thu': {
        identifier: [
            { system: `${sid}bhyt`, value: card },
            { system: `${sid}cccd-nguoi-than`, value: '999195000777' },
        ],
        name: [{ text: 'CON BÀ LÊ THỊ MẪU' }],
        gender: 'male',
        birthDate: '2026-09-11',
    },
    'RelatedPerson/giay-thu': {
        identifier: [{ system: `${sid}bhyt`, value: card }],
        patient: { reference: 'Patient/me-thu' },
        relationship: [{ coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-RoleCode', code: 'CHILD' }] }],
        name: [{ text: 'TRẦN VĂN BÉ' }],
        gender: 'male',
        birthDate: '2026-09-10',
    },
};
for (const [at, body] of Object.entries(resources)) {
    const [resourceType, id] = at.split('/');
    const answer = await fetch(`${base}/fhir/${at}`, { method: 'PUT', headers: { 'Content-Type': 'application/fhir+json' }, body: JSON.stringify({ resourceType, id, ...body }) });
    is(answer.ok, `${at} is there`);
}
const newborns = async (status) => (await json(`/api/mpi?kind=newborns&status=${status}`)).total;
for (let i = 0; i < 100 && (await newborns('requested')) === 0; i++) await new Promise((done) => setTimeout(done, 100));

for (const [size, lang] of [[[1920, 1080], 'vi'], [PHONE, 'en']])
    await test(`newborns: ${size[0]} px, ${lang}: linked, taken back and rejected by keys alone`, size, async (page) => {
        await page.addInitScript((l) => localStorage.setItem('nhip.language', l), lang);
        await asWho(page);
        const linked = await newborns('completed');
        await open(page, '/trung-ho-so');
        await page.locator('#kind-newborns').focus();
        await page.keyboard.press('Enter');
        await page.locator('.rows tbody tr').first().waitFor();
        is(Number(await page.locator('[data-count=requested]').textContent()) === (await newborns('requested')), 'the count is that of the list');
        await page.locator('#main').focus();
        await page.keyboard.press('j');
        await page.locator('.evidence tbody tr').first().waitFor();
        is((await page.locator('[data-field=birth] .differs').count()) === 1 && (await page.locator('[data-field=card] .differs').count()) === 0, 'what agrees and what does not');
        await noSideScroll(page);
        await axe(page, 'newborns');
        await shot(page, `newborns-${size[0]}`);
        await page.keyboard.press('m');
        await focused(page, '#why'); // it is asked for
        await page.keyboard.type(lang === 'vi' ? 'đã hỏi khoa sản' : 'asked the ward');
        await page.keyboard.press('Enter');
        await focused(page, '#act-link');
        await page.keyboard.press('m');
        await page.locator('.undo-bar').waitFor();
        is((await newborns('completed')) === linked + 1, 'they are linked');
        is((await json('/fhir/Patient/con-thu')).link.length === 1, 'in the records, too');
        await page.locator('#main').focus();
        await page.keyboard.press('u');
        for (let i = 0; i < 50 && (await newborns('completed')) !== linked; i++) await page.waitForTimeout(100);
        is((await newborns('completed')) === linked && (await json('/fhir/Patient/con-thu')).link === undefined, 'undo parts them');
        await page.goto(`${base}/trung-ho-so?kind=newborns&status=requested&pair=giay-thu`);
        await page.locator('#act-reject').waitFor();
        await page.locator('#why').fill('khác mẹ');
        await page.locator('#act-reject').focus();
        await page.keyboard.press('d');
        await page.locator('.undo-bar').waitFor();
        await page.goto(`${base}/trung-ho-so?kind=newborns&status=rejected&pair=giay-thu`);
        await page.locator('[data-status=rejected]').waitFor();
        await page.locator('#why').fill('nhầm');
        await page.locator('#act-reopen').focus();
        await page.keyboard.press('p');
        await page.locator('[data-status=requested]').waitFor();
        is((await newborns('rejected')) === 0, 'the rejection is taken back');
    }, { axe: true });

await end();
