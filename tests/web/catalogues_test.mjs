// Catalogues on the screen: node catalogues_test.mjs BASE SHOTS. BASE serves any province without a catalogue of services. TAP on stdout.
import { axe, DESK, focused, harness, is, noSideScroll, PHONE } from './harness.mjs';

const [, , base, shots] = process.argv;
const { test, json, shot, open, end } = await harness(base, shots, 'k');
const file = (text, name = 'gia.csv') => ({ name, mimeType: 'text/csv', buffer: Buffer.from(text) });
const FIRST = 'Mã dịch vụ;Tên dịch vụ;Đơn giá;Từ ngày;Ghi chú\n99.1;Khám nội;42.100;01/01/2026;x\n99.2;Chụp phổi;68.300;01/01/2026;\n99.3;Siêu âm;mười;;\n';
const SECOND = 'code;price\n99.1;50.000\n';
const edition = async () => (await json('/api/catalogues')).catalogues.find((c) => c.id === 'dich-vu').edition;
const asWho = (page) => page.addInitScript(() => localStorage.setItem('nhip.who', 'Kiểm thử'));
const upload = async (page, text, name) => {
    await page.locator('input[type=file]').setInputFiles(file(text, name));
    await page.locator('#plan-title').waitFor();
};
/** On a page as high as what it shows: the bar at its foot hides nothing. */

await test('catalogues: by keys to the list, and to one of them', DESK, async (page) => {
    await open(page, '/rejects');
    await page.keyboard.press('g');
    await page.keyboard.press('d');
    await page.locator('[data-catalogue=dich-vu]').waitFor();
    is((await page.locator('.catalogue-list a').count()) === 8, 'eight catalogues');
    await page.locator('[data-catalogue=dich-vu]').focus();
    await page.keyboard.press('Enter');
    await page.locator('.drop').waitFor();
    is(new URL(page.url()).searchParams.get('id') === 'dich-vu', 'the address says which one');
});

await test('catalogues: a table is looked at first; nothing changes until a person accepts', [1920, 1080], async (page) => {
    await open(page, '/danh-muc?id=dich-vu');
    await upload(page, FIRST);
    is((await page.locator('[data-count=new]').innerText()) === '2', 'two new codes');
    is((await page.locator('[data-count=bad]').innerText()) === '1', 'one bad row');
    const issue = await page.locator('details tbody tr').innerText();
    is(/4/.test(issue) && /Đơn giá/.test(issue) && /mười/.test(issue) && /catalogue-number/.test(issue), `row, column, value, rule: ${issue}`);
    is(/Ghi chú/.test(await page.locator('.report').innerText()), 'the column that is not taken is named');
    await focused(page, '#plan-title'); // the preview
    await shot(page, 'catalogues-preview-desk');
    await page.keyboard.press('x');
    await page.locator('.drop').waitFor();
    is((await edition()) === null, 'nothing was taken in');
});

await test('catalogues: accept by key wants a name and a reason, then the rows are in force', DESK, async (page) => {
    await open(page, '/danh-muc?id=dich-vu');
    await upload(page, FIRST);
    await page.keyboard.press('a');
    await focused(page, '#who'); // first who
    await page.keyboard.type('Kiểm thử');
    await page.locator('#why').fill('giá 2026');
    await page.keyboard.press('Enter');
    await page.locator('tr[data-edition="1"]').waitFor();
    is((await edition()).rows === 2, 'two rows');
    await page.locator('.catalogue-rows tbody tr').first().waitFor();
    is(/42\.100/.test(await page.locator('.catalogue-rows').innerText()), 'the price, as people write it');
    await page.locator('.catalogue-rows').scrollIntoViewIfNeeded();
    await page.locator('input[type=search]').last().fill('chup');
    await page.waitForFunction(() => document.querySelectorAll('.catalogue-rows tbody tr').length === 1);
    await page.locator('main input[type=date]').last().fill('2025-12-31');
    await page.locator('.empty').waitFor();
});

await test('catalogues: old and new price side by side, undo, roll back', DESK, async (page) => {
    await asWho(page);
    await open(page, '/danh-muc?id=dich-vu');
    await page.locator('input[name=since]').fill('2026-07-01');
    await upload(page, SECOND);
    const row = await page.locator('.catalogue-diffs tbody tr').innerText();
    is(/42\.100/.test(row) && /50\.000/.test(row) && /01\/07\/2026/.test(row), `before, after, day: ${row}`);
    await page.locator('#why').fill('tăng giá');
    await page.locator('form button[type=submit]').click();
    await page.locator('tr[data-edition="2"]').waitFor();
    await page.locator('.undo-bar button').first().click();
    await page.locator('tr[data-edition="3"]').waitFor();
    is((await edition()).restored === 1, 'undo is the edition before, again');
    await page.locator('tr[data-edition="2"] button').click();
    await page.locator('#why-back').fill('đúng là tăng');
    await page.keyboard.press('Enter');
    await page.locator('tr[data-edition="4"]').waitFor();
    is((await edition()).restored === 2, 'and any edition can be taken up again');
});

await test('catalogues: a dropped file, and one that is no table', DESK, async (page) => {
    await open(page, '/danh-muc?id=thuoc');
    const drop = async (text, name) => {
        const data = await page.evaluateHandle(([t, n]) => {
            const d = new DataTransfer();
            d.items.add(new File([t], n));
            return d;
        }, [text, name]);
        await page.dispatchEvent('.drop', 'drop', { dataTransfer: data });
    };
    await drop('xin chào', 'thu.txt');
    await page.locator('.problem').waitFor();
    is(/mã thuốc/i.test(await page.locator('.problem').innerText()), 'it says what a header needs');
    await drop('Mã thuốc;Tên thuốc\n99.1;Paracetamol\n', 'thuoc.csv');
    await page.locator('[data-count=new]').waitFor();
}, { errors: true });

await test('catalogues: English, a phone, names and contrast', PHONE, async (page) => {
    await page.addInitScript(() => localStorage.setItem('nhip.language', 'en'));
    await open(page, '/danh-muc?id=dich-vu');
    await page.locator('.catalogue-rows').waitFor();
    await noSideScroll(page);
    await axe(page, 'rows');
    await shot(page, 'catalogues-phone');
    await upload(page, FIRST.replace('42.100', '99.000'));
    await noSideScroll(page);
    await axe(page, 'preview');
    await shot(page, 'catalogues-preview-phone');
}, { axe: true });

await end();
