// What the browser tests share: one browser, a page of its own for each test, TAP lines, screenshots.
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const require = createRequire(new URL('../../web/package.json', import.meta.url));
const { chromium } = require('playwright-core');
export const axeSource = await readFile(require.resolve('axe-core/axe.min.js'), 'utf8');

/** WEB_SLOW=6: scripts take six times as long in all tests, as on a busy machine. */
export const SLOW = Math.max(1, Number(process.env.WEB_SLOW ?? 1));
export const DESK = [1366, 768];
export const PHONE = [360, 740];
export const is = (value, what) => {
    if (!value) throw new Error(what);
};

/** Sends keys as one burst, faster than any hand: no key may wait for a frame. */
export const burst = (page, ...keys) => Promise.all(keys.map((key) => page.keyboard.press(key)));
/** Until a frame is painted and what was to run behind it has run. */
export const painted = (page) => page.evaluate(() => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 50))));
/** As on a busy machine: scripts take so many times as long. */
export async function slow(page, rate) {
    const cdp = await page.context().newCDPSession(page);
    await cdp.send('Emulation.setCPUThrottlingRate', { rate });
}

/** Waits until so many elements are there. */
export const counted = (page, what, n) => page.waitForFunction(([w, k]) => document.querySelectorAll(w).length === k, [what, n]);
/** Waits until what is chosen by `what` has the focus. */
export const focused = (page, what) => page.waitForFunction((w) => document.activeElement?.matches(w), what);

/** `prefix` goes before the tests' numbers and the names of pictures of failures. */
export async function harness(base, shots, prefix = '') {
    const browser = await chromium.launch({
        executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
        args: ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--force-prefers-reduced-motion'],
    });
    let failed = 0;
    let count = 0;
    const shot = (page, name) => page.screenshot({ path: join(shots, `${name}.png`) });
    const json = async (path, init) => (await fetch(base + path, init)).json();

    /** Opens a page of its own; errors of the console, of scripts and of the policy fail the test. */
    async function test(name, size, run, options = {}) {
        const context = await browser.newContext({ viewport: { width: size[0], height: size[1] }, bypassCSP: options.axe === true, ...options.context });
        if (SLOW > 1) context.on('page', (other) => slow(other, SLOW).catch(() => undefined));
        const page = await context.newPage();
        if (SLOW > 1) await slow(page, SLOW);
        const errors = [];
        // The address of the map answers 404 where no boundaries are configured: that is its contract.
        page.on('console', (m) => m.type() === 'error' && !/\/api\/map$/.test(m.location().url) && !options.errors && errors.push(`${m.text()} ${m.location().url}`));
        page.on('pageerror', (e) => errors.push(e.stack));
        context.setDefaultTimeout(10000 * Math.ceil(SLOW / 2));
        count++;
        try {
            await run(page);
            is(errors.length === 0, `errors in the console: ${errors.join(' | ')}`);
            console.log(`ok ${prefix}${count} - ${name}`);
        } catch (e) {
            failed++;
            await shot(page, `failed-${prefix}${count}`).catch(() => undefined);
            console.log(`not ok ${prefix}${count} - ${name}`);
            console.log(String(e.stack ?? e).replace(/^/gm, '# '));
        }
        await context.close();
    }

    /** Waits until the screen has its answer. */
    async function open(page, path) {
        await page.goto(base + path);
        await page.locator('h1').first().waitFor();
        await page.waitForFunction(() => !document.querySelector('.skeleton, .skeleton-lines, main[aria-busy=true], .hits.stale'));
    }
    async function end() {
        await browser.close();
        console.log(`# ${count - failed} passed, ${failed} failed`);
        process.exit(failed ? 1 : 0);
    }
    return { test, json, shot, open, end, count: () => count };
}

export async function noSideScroll(page) {
    const [wide, inner] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
    is(wide <= inner, `the page is ${wide} px wide in ${inner}`);
}

/** WCAG 2.2 AA, as axe sees it; as tall as the page, so that nothing lies under the bars that stay. */
export async function axe(page, what) {
    const size = page.viewportSize();
    await page.setViewportSize({ width: size.width, height: (await page.evaluate(() => document.documentElement.scrollHeight)) + 400 });
    await page.evaluate(axeSource);
    const { violations } = await page.evaluate(() => globalThis.axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] }));
    await page.setViewportSize(size);
    is(violations.length === 0, `${what}: ${violations.map((v) => `${v.id}: ${v.nodes[0].html.slice(0, 160)}`).join(' | ')}`);
}
