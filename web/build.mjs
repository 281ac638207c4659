// Bundles the screens: node build.mjs OUT_DIR. Names of scripts, styles and fonts carry a hash of
// their content, because the server lets browsers keep them for ever. Prints sizes; fails when a
// budget is passed.
import * as esbuild from 'esbuild';
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const here = dirname(fileURLToPath(import.meta.url));
const out = resolve(process.argv[2] ?? join(here, '../build/web/1'));
const ENTRY_BUDGET = 120 * 1024; // gzip bytes of scripts and styles that every screen loads
const ROUTE_BUDGET = 60 * 1024; // gzip bytes that one screen loads beyond the entry

await mkdir(out, { recursive: true });
const result = await esbuild.build({
    absWorkingDir: here,
    entryPoints: { app: 'src/main.tsx' },
    bundle: true,
    splitting: true,
    format: 'esm',
    target: ['es2020', 'chrome90', 'firefox90', 'safari15'],
    jsx: 'automatic',
    jsxImportSource: 'preact',
    minify: true,
    legalComments: 'none',
    charset: 'utf8',
    metafile: true,
    outdir: out,
    entryNames: '[name].[hash]',
    chunkNames: '[name].[hash]',
    assetNames: '[name].[hash]',
    loader: { '.woff2': 'file' },
    logLevel: 'warning',
});

const outputs = Object.entries(result.metafile.outputs).map(([path, o]) => ({
    name: path.slice(path.lastIndexOf('/') + 1),
    path: resolve(here, path),
    ...o,
}));
const entry = outputs.find((o) => o.entryPoint === 'src/main.tsx');
const style = outputs.find((o) => o.path === resolve(here, entry.cssBundle));
const fonts = outputs.filter((o) => /be-vietnam-pro-(latin|vietnamese)-400.*\.woff2$/.test(o.name));

const html = (await readFile(join(here, 'src/index.html'), 'utf8'))
    .replace('<!--styles-->', `<link rel="stylesheet" href="/${style.name}">`)
    .replace(
        '<!--fonts-->',
        fonts
            .map((f) => `<link rel="preload" href="/${f.name}" as="font" type="font/woff2" crossorigin>`)
            .join('\n'),
    )
    .replace('<!--scripts-->', `<script type="module" src="/${entry.name}"></script>`);
await writeFile(join(out, 'index.html'), html);
await cp(join(here, 'src/favicon.svg'), join(out, 'favicon.svg'));

const gz = async (o) => gzipSync(await readFile(o.path), { level: 9 }).length;
const byPath = new Map(outputs.map((o) => [o.path, o]));
const reach = (o, seen = new Set()) => {
    if (!o || seen.has(o)) return seen;
    seen.add(o);
    for (const i of o.imports)
        if (i.kind === 'import-statement') reach(byPath.get(resolve(here, i.path)), seen);
    return seen;
};
const sum = async (set) => (await Promise.all([...set].map(gz))).reduce((a, b) => a + b, 0);
const base = reach(entry).add(style);
const size = await sum(base);
let broken = size > ENTRY_BUDGET;
console.log(`entry ${(size / 1024).toFixed(1)} kB gzip (budget ${ENTRY_BUDGET / 1024})`);
for (const o of outputs.filter((x) => x.entryPoint && x !== entry)) {
    const beyond = new Set([...reach(o)].filter((x) => !base.has(x)));
    const n = await sum(beyond);
    broken ||= n > ROUTE_BUDGET;
    console.log(`route ${o.entryPoint} ${(n / 1024).toFixed(1)} kB gzip beyond (budget ${ROUTE_BUDGET / 1024})`);
}
if (broken) {
    console.error('build.mjs: a size budget is passed');
    process.exit(1);
}
