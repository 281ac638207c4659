// distil_term.mjs — reads the code systems, value sets and concept maps that FHIR R4 publishes from
// the npm package that gen/package.json pins and writes them as sorted text to gen/data/term/*.tsv
// (committed). By hand: `make distil`. Usage: node gen/distil_term.mjs PACKAGE_DIR OUT_DIR
// Carried: codes, English names, hierarchy, properties, definitions of FHIR's own systems, compose,
// maps. Left out: narratives, other languages, definitions of HL7 v3, and the names of SNOMED CT
// (its licence: they come with the files of an owner).
import fs from 'node:fs';
import path from 'node:path';

const [packageDir, outDir] = process.argv.slice(2);
if (!outDir) {
  console.error('usage: node gen/distil_term.mjs PACKAGE_DIR OUT_DIR');
  process.exit(2);
}
const load = (name) =>
  JSON.parse(fs.readFileSync(path.join(packageDir, 'dist/fhir/r4', name), 'utf8'))
    .entry.map((e) => e.resource);
const byText = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
const oneLine = (s) => (s ?? '').replace(/\s+/g, ' ').trim();
const SNOMED = 'http://snomed.info/sct';

// Rows come sorted; the order inside a system or a set is the definition's.
function write(name, columns, rows) {
  const lines = rows.map((r) => {
    if (r.length !== columns.length) throw new Error(`${name}: ${r}`);
    if (r.some((cell) => /[\t\n\r]/.test(cell))) throw new Error(`${name}: tab or line in ${r}`);
    return r.join('\t').replace(/\t+$/, '');
  });
  fs.writeFileSync(path.join(outDir, name), [columns.join('\t'), ...lines, ''].join('\n'));
  console.log(`${name}: ${lines.length} rows`);
}

// Lists inside a cell; no value of R4 has the separator in it, and this checks it.
function list(values, separator = ';') {
  for (const v of values) if (v.includes(separator)) throw new Error(`${separator} in ${v}`);
  return values.join(separator);
}

const all = ['valuesets.json', 'v2-tables.json', 'v3-codesystems.json', 'conceptmaps.json']
  .flatMap(load)
  .sort((a, b) => byText(a.id, b.id));
const systems = all.filter((r) => r.resourceType === 'CodeSystem' && r.content !== 'supplement');
const sets = all.filter((r) => r.resourceType === 'ValueSet');
const maps = all.filter((r) => r.resourceType === 'ConceptMap');

const head = (r) => [r.id, r.url, r.version ?? '', oneLine(r.name), oneLine(r.title), r.status];

// ---- code systems ----

function systemRow(s) {
  const valueSet = s.valueSet && s.valueSet !== s.url ? s.valueSet : '';
  return [...head(s), s.content, s.caseSensitive === false ? 'no' : 'yes', valueSet];
}

const TYPE = { valueCode: 'c', valueString: 's', valueBoolean: 'b', valueDateTime: 'd' };
const FLAGS = new Set(['notSelectable', 'abstract']);
const LINKS = new Set(['child', 'partOf']);

function propertyText(p) {
  const key = Object.keys(p).find((k) => k.startsWith('value'));
  if (!TYPE[key]) throw new Error(`property ${JSON.stringify(p)}`);
  return `${p.code}=${TYPE[key]}:${oneLine(String(p[key]))}`;
}

// v3 also links concepts by a property of the parent that names a child.
function conceptRows(s) {
  const parents = new Map();
  const rows = [];
  const link = (code, parent) => {
    if (!parents.has(code)) parents.set(code, []);
    if (!parents.get(code).includes(parent)) parents.get(code).push(parent);
  };
  const visit = (concepts, parent) => {
    for (const c of concepts ?? []) {
      const properties = c.property ?? [];
      if (parent) link(c.code, parent);
      for (const p of properties) if (p.code === 'child') link(p.valueCode, c.code);
      rows.push([c, properties]);
      visit(c.concept, c.code);
    }
  };
  visit(s.concept, '');
  const own = !s.id.startsWith('v3-');
  return rows.map(([c, properties]) => [
    s.id, c.code, oneLine(c.display),
    list((parents.get(c.code) ?? []).sort(byText)),
    properties.some((p) => FLAGS.has(p.code) && p.valueBoolean) ? 'a' : '',
    list(properties.filter((p) => !FLAGS.has(p.code) && !LINKS.has(p.code)).map(propertyText)),
    own ? oneLine(c.definition) : '',
  ]);
}

// ---- value sets ----

const parts = (v) => [
  ...v.compose.include.map((p) => ['include', p]),
  ...(v.compose.exclude ?? []).map((p) => ['exclude', p]),
];

function partRows(v) {
  return parts(v).map(([kind, p], i) => [
    v.id, String(i), kind, p.system ?? '', p.version ?? '',
    list(p.valueSet ?? [], ' '),
    list((p.filter ?? []).map((f) => `${f.property} ${f.op} ${f.value}`)),
  ]);
}

function memberRows(v) {
  return parts(v).flatMap(([, p], i) =>
    (p.concept ?? []).map((c) => [
      v.id, String(i), c.code, p.system === SNOMED ? '' : oneLine(c.display),
    ]));
}

// ---- concept maps ----

const mapRow = (m) => [
  ...head(m), m.sourceUri ?? m.sourceCanonical ?? '', m.targetUri ?? m.targetCanonical ?? '',
];

function mappingRows(m) {
  return (m.group ?? []).flatMap((g) =>
    (g.element ?? []).flatMap((e) =>
      (e.target ?? []).map((t) => [
        m.id, g.source ?? '', g.target ?? '', e.code, t.code ?? '', t.equivalence,
        oneLine(t.comment),
      ])));
}

fs.mkdirSync(outDir, { recursive: true });
const HEAD = ['id', 'url', 'version', 'name', 'title', 'status'];
write('systems.tsv', [...HEAD, 'content', 'case_sensitive', 'value_set'], systems.map(systemRow));
write('concepts.tsv',
  ['system', 'code', 'display', 'parents', 'flags', 'properties', 'definition'],
  systems.flatMap(conceptRows));
write('sets.tsv', HEAD, sets.map(head));
write('set_parts.tsv',
  ['set', 'part', 'kind', 'system', 'version', 'sets', 'filters'], sets.flatMap(partRows));
write('set_codes.tsv', ['set', 'part', 'code', 'display'], sets.flatMap(memberRows));
write('maps.tsv', [...HEAD, 'source', 'target'], maps.map(mapRow));
write('mappings.tsv',
  ['map', 'source', 'target', 'code', 'to', 'equivalence', 'comment'], maps.flatMap(mappingRows));
