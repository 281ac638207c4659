// distil.mjs — reads FHIR R4's definitions from the npm package that gen/package.json pins and
// writes what the program needs as sorted, reviewable text to gen/data/fhir/*.tsv (committed). By
// hand: `make distil`. Usage: node gen/distil.mjs PACKAGE_DIR OUT_DIR
// Only the official R4 4.0.1 files are read; the package's own profiles and parameters are not. The
// package has also put elements of its own and of later FHIR versions into the official profiles:
// dataelements.json, which it left alone, says which leaf elements R4 really has.
import fs from 'node:fs';
import path from 'node:path';

const [packageDir, outDir] = process.argv.slice(2);
if (!outDir) {
  console.error('usage: node gen/distil.mjs PACKAGE_DIR OUT_DIR');
  process.exit(2);
}
const r4 = (name) => path.join(packageDir, 'dist/fhir/r4', name);
const load = (name) => JSON.parse(fs.readFileSync(r4(name), 'utf8')).entry.map((e) => e.resource);

const SD = 'http://hl7.org/fhir/StructureDefinition/';
const FHIR_TYPE = SD + 'structuredefinition-fhir-type';

const byText = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
const oneLine = (s) => (s ?? '').replace(/\s+/g, ' ').trim();
const stem = (url) => url.slice(url.lastIndexOf('/') + 1);
const plainUrl = (url) => (url ?? '').split('|')[0];

// Rows are sorted by all their columns, bytewise; `keep` leaves the order of definition.
function write(name, columns, rows, keep) {
  const lines = rows.map((r) => {
    if (r.length !== columns.length) throw new Error(`${name}: ${r}`);
    const bad = r.find((cell) => /[\t\n\r]/.test(cell));
    if (bad !== undefined) throw new Error(`${name}: tab or line in ${bad}`);
    return r.join('\t');
  });
  if (!keep) lines.sort(byText);
  const unique = [...new Set(lines)];
  fs.writeFileSync(path.join(outDir, name), [columns.join('\t'), ...unique, ''].join('\n'));
  console.log(`${name}: ${unique.length} rows`);
}

// ---- types, elements, invariants ----

const definitions = [...load('profiles-types.json'), ...load('profiles-resources.json')]
  .filter((r) => r.resourceType === 'StructureDefinition')
  .filter((r) => r.derivation !== 'constraint' && r.kind !== 'logical' && r.fhirVersion === '4.0.1')
  .sort((a, b) => byText(a.name, b.name));

const KIND = { 'primitive-type': 'primitive', 'complex-type': 'complex', resource: 'resource' };

function typeRows() {
  return definitions.map((d) => [
    d.name,
    KIND[d.kind],
    d.baseDefinition ? stem(d.baseDefinition) : '',
    d.abstract ? 'abstract' : '',
  ]);
}

// One type of an element: "Reference(Patient|Group)", "canonical(ValueSet)", "Quantity[Simple]".
function typeText(t) {
  let code = t.code;
  if (code.startsWith('http://hl7.org/fhirpath/')) {
    const said = (t.extension ?? []).find((x) => x.url === FHIR_TYPE);
    code = said ? said.valueUrl : 'string';
  }
  if ((t.profile ?? []).includes(SD + 'SimpleQuantity')) code += '[Simple]';
  const targets = (t.targetProfile ?? []).map(stem).sort(byText);
  return targets.length ? `${code}(${targets.join('|')})` : code;
}

// Snapshots call the id of every resource a string; it has the type id (Resource.id).
function elementTypes(d, e) {
  if (d.kind === 'resource' && e.path === `${d.name}.id`) return ['id'];
  return [...new Set((e.type ?? []).map(typeText))];
}

function elementRow(d, e) {
  const binding = ['required', 'extensible'].includes(e.binding?.strength) ? e.binding : null;
  return [
    e.path, String(e.min), e.max, elementTypes(d, e).join(';'),
    e.contentReference ? e.contentReference.replace(/^.*#/, '') : '',
    binding ? binding.strength : '', binding ? plainUrl(binding.valueSet) : '',
    (e.isModifier ? 'm' : '') + (e.isSummary ? 's' : ''),
  ];
}

const official = new Map();
for (const de of load('dataelements.json')) {
  const e = de.snapshot.element[0];
  if (e.max !== '0' && !official.has(e.path)) official.set(e.path, e);
}

// Leaf elements of R4 that dataelements.json happens not to list.
const UNLISTED = new Set([
  'MedicationKnowledge.administrationGuidelines.patientCharacteristics.characteristic[x]',
  'ResearchElementDefinition.characteristic.participantEffective[x]',
  'ResearchElementDefinition.characteristic.participantEffectiveDescription',
  'ResearchElementDefinition.characteristic.participantEffectiveTimeFromStart',
  'MedicinalProductIngredient.specifiedSubstance.strength.presentation',
  'MedicinalProductIngredient.specifiedSubstance.strength.concentration',
  'MedicinalProductIngredient.specifiedSubstance.strength.referenceStrength.substance',
  'MedicinalProductIngredient.specifiedSubstance.strength.referenceStrength.strength',
  'MedicinalProductIngredient.specifiedSubstance.strength.referenceStrength.strengthLowLimit',
  'MedicinalProductIngredient.specifiedSubstance.strength.referenceStrength.measurementPoint',
  'MedicinalProductPharmaceutical.routeOfAdministration.maxDosePerDay',
  'MedicinalProductPharmaceutical.routeOfAdministration.targetSpecies.code',
  'MedicinalProductPharmaceutical.routeOfAdministration.targetSpecies.withdrawalPeriod.tissue',
  'MedicinalProductPharmaceutical.routeOfAdministration.targetSpecies.withdrawalPeriod.value',
]);
const LATER = new Set(['EvidenceVariable.characteristic.definitionByCombination.characteristic']);
const INHERITED = /\.(id|extension|modifierExtension|meta|implicitRules|language|text|contained)$/;
const parentOf = (p) => p.slice(0, Math.max(p.lastIndexOf('.'), 0));
const isGroup = (e) => (e.type ?? []).some((t) => ['BackboneElement', 'Element'].includes(t.code));

// The elements of one type as R4 has them: what is not official is dropped, what is missing added.
function officialElements(d) {
  const all = d.snapshot.element.filter(
    (e) => !e.sliceName && e.path.includes('.') && e.max !== '0');
  const ofQuantity = d.baseDefinition === SD + 'Quantity';
  const isListed = (e) =>
    ofQuantity || INHERITED.test(e.path) || UNLISTED.has(e.path) || official.has(e.path);
  const isLeaf = (e) =>
    !LATER.has(e.path) && (!!e.contentReference || (!isGroup(e) && isListed(e)));
  // A group stands when an official leaf stands below it.
  const groups = new Set([d.name]);
  const isOwnLeaf = (e) => isLeaf(e) && !/\.(id|extension|modifierExtension)$/.test(e.path);
  for (const e of all.filter(isOwnLeaf))
    for (let p = parentOf(e.path); p; p = parentOf(p)) groups.add(p);
  const isKept = (e) =>
    isLeaf(e) ? groups.has(parentOf(e.path)) : isGroup(e) && groups.has(e.path);
  for (const e of all) if (!isKept(e)) console.log(`not in R4, dropped: ${e.path}`);
  const have = new Set(all.map((e) => e.path));
  const missing = [...official.values()].filter(
    (e) => e.path.startsWith(d.name + '.') && !have.has(e.path));
  for (const e of missing) console.log(`missing in the package's profile, added: ${e.path}`);
  return [...all.filter(isKept).map((e) => official.get(e.path) ?? e), ...missing];
}

function elementRows() {
  return definitions
    .filter((d) => d.kind !== 'primitive-type')
    .flatMap((d) => officialElements(d).map((e) => elementRow(d, e)));
}

function invariantRows(elements) {
  const known = new Set([...definitions.map((d) => d.name), ...elements.map((e) => e[0])]);
  const rows = [];
  for (const d of definitions) {
    for (const e of d.differential.element) {
      for (const c of e.constraint ?? []) {
        if (!c.expression || !known.has(e.path)) continue;
        if (c.key === 'ele-1' && e.path !== 'Element') continue; // said again
        rows.push([c.key, c.severity, e.path, oneLine(c.expression), oneLine(c.human)]);
      }
    }
  }
  return rows;
}

// ---- codes of required bindings ----

const terminology = ['valuesets.json', 'v3-codesystems.json', 'v2-tables.json'].flatMap(load);
const valueSets = new Map();
const codeSystems = new Map();
for (const r of terminology) {
  if (r.resourceType === 'ValueSet') valueSets.set(r.url, r);
  if (r.resourceType === 'CodeSystem') codeSystems.set(r.url, r);
}

// All codes of a system with their ancestors; null when the system is not complete here.
function systemCodes(url) {
  const cs = codeSystems.get(url);
  if (!cs || cs.content !== 'complete') return null;
  const all = new Map();
  const visit = (concepts, above) => {
    for (const c of concepts ?? []) {
      const subsumed = (c.property ?? []).filter((p) => p.code === 'subsumedBy');
      const parents = subsumed.map((p) => p.valueCode);
      const known = all.get(c.code)?.parents ?? [];
      all.set(c.code, { concept: c, parents: [...known, ...above.slice(-1), ...parents] });
      visit(c.concept, [...above, c.code]);
    }
  };
  visit(cs.concept, []);
  return all;
}

function isBelow(all, code, ancestor, seen = new Set()) {
  if (code === ancestor) return true;
  if (seen.has(code)) return false;
  seen.add(code);
  return (all.get(code)?.parents ?? []).some((p) => isBelow(all, p, ancestor, seen));
}

function passesFilter(all, code, f) {
  const byConcept = ['concept', 'code'].includes(f.property);
  if (byConcept && f.op === 'is-a') return isBelow(all, code, f.value);
  if (byConcept && f.op === 'descendent-of')
    return code !== f.value && isBelow(all, code, f.value);
  if (f.op === '=') {
    const values = (all.get(code).concept.property ?? []).filter((p) => p.code === f.property);
    return values.some((p) => String(p.valueCode ?? p.valueString ?? p.valueBoolean) === f.value);
  }
  throw new Error(`filter ${JSON.stringify(f)}`);
}

// The "system code" pairs of one include or exclude; "system *": any code of a system that is not
// here.
function expandPart(part) {
  let own = null;
  if (part.system) {
    if (part.concept) own = part.concept.map((c) => `${part.system}\t${c.code}`);
    else {
      const all = systemCodes(part.system);
      if (!all) own = [`${part.system}\t*`];
      else
        own = [...all.keys()]
          .filter((code) => (part.filter ?? []).every((f) => passesFilter(all, code, f)))
          .map((code) => `${part.system}\t${code}`);
    }
  }
  for (const url of part.valueSet ?? []) {
    const other = expand(plainUrl(url));
    own = own ? own.filter((x) => other.has(x)) : [...other];
  }
  return own ?? [];
}

function expand(url) {
  const vs = valueSets.get(url);
  if (!vs) {
    console.log(`not published with R4, so any code passes: ${url}`);
    return new Set(['*\t*']);
  }
  const out = new Set();
  for (const part of vs.compose.include) for (const x of expandPart(part)) out.add(x);
  for (const part of vs.compose.exclude ?? []) for (const x of expandPart(part)) out.delete(x);
  return out;
}

function codeRows(elements) {
  const urls = new Set(elements.filter((e) => e[5] === 'required').map((e) => e[6]));
  const rows = [];
  for (const url of urls) for (const pair of expand(url)) rows.push([url, ...pair.split('\t')]);
  return rows;
}

// ---- search ----

function searchRows() {
  return load('search-parameters.json')
    .filter((p) => p.resourceType === 'SearchParameter' &&
      (p.expression || p.code === '_text' || p.code === '_content'))
    .map((p) => [
      p.url, p.code, p.type, [...p.base].sort(byText).join(';'), oneLine(p.expression ?? ''),
      [...(p.target ?? [])].sort(byText).join(';'),
      String(p.multipleOr ?? ''), String(p.multipleAnd ?? ''),
      (p.component ?? []).map((c) => `${c.definition}=${oneLine(c.expression)}`).join(';'),
    ]);
}

function compartmentRows() {
  return load('profiles-resources.json')
    .filter((r) => r.resourceType === 'CompartmentDefinition')
    .flatMap((d) =>
      d.resource.map((r) => [d.code, r.code, [...(r.param ?? [])].sort(byText).join(';')]));
}

// ---- profiles and extensions that R4 publishes: one StructureDefinition a line, by url, without
// what neither validation nor a reader of constraints needs ----

const ELEMENT_DROPS = [
  'definition', 'comment', 'requirements', 'mapping', 'alias', 'example', 'isSummary', 'base',
  'meaningWhenMissing', 'orderMeaning', 'label', 'code', 'condition',
  'extension',
];

function slimElement(e) {
  const out = Object.fromEntries(Object.entries(e).filter(([k]) => !ELEMENT_DROPS.includes(k)));
  if (out.binding) {
    const { strength, valueSet } = out.binding;
    out.binding = valueSet ? { strength, valueSet } : { strength };
  }
  if (out.constraint) {
    out.constraint = out.constraint.map(({ key, severity, human, expression, source }) =>
      ({ key, severity, human, expression, source }));
  }
  return out;
}

function profileLine(d) {
  const { resourceType, id, url, version, name, title, status, fhirVersion, kind, abstract,
    context, contextInvariant, type, baseDefinition, derivation } = d;
  const date = (d.date ?? '').slice(0, 10) || undefined;
  const description = oneLine(d.description) || undefined;
  return JSON.stringify({
    resourceType, id, url, version, name, title, status, date, publisher: 'HL7', description,
    fhirVersion, kind, abstract, context, contextInvariant, type, baseDefinition, derivation,
    differential: { element: d.differential.element.map(slimElement) },
  });
}

function writeProfiles(name) {
  const all = ['profiles-others.json', 'extension-definitions.json'].flatMap(load)
    .filter((d) => d.resourceType === 'StructureDefinition' && d.derivation === 'constraint')
    .filter((d) => d.fhirVersion === '4.0.1')
    .sort((a, b) => byText(a.url, b.url));
  fs.writeFileSync(path.join(outDir, name), [...all.map(profileLine), ''].join('\n'));
  console.log(`${name}: ${all.length} profiles`);
}

// ---- all files ----

fs.mkdirSync(outDir, { recursive: true });
const elements = elementRows();
write('types.tsv', ['type', 'kind', 'base', 'abstract'], typeRows());
write('elements.tsv',
  ['path', 'min', 'max', 'types', 'content', 'binding', 'valueset', 'flags'], elements, true);
write('codes.tsv', ['valueset', 'system', 'code'], codeRows(elements));
write('invariants.tsv', ['key', 'severity', 'path', 'expression', 'human'], invariantRows(elements));
write('search_params.tsv',
  ['url', 'code', 'type', 'bases', 'expression', 'targets', 'multiple_or', 'multiple_and',
    'components'],
  searchRows());
write('compartments.tsv', ['compartment', 'resource', 'params'], compartmentRows());
writeProfiles('profiles.ndjson');
