// Makes the addresses of bench/mix.sh: one file a search shape, values sampled from the running server, and two mixes
// (mix, even) in which every shape has the same share. Usage: node mix_urls.mjs BASE OUT_DIR.
// Shapes marked * take another sampled value each time; the others ask for the same at every size: what is most frequent.
import fs from 'node:fs';

const [base, out] = process.argv.slice(2);
const VALUES = 200;
fs.mkdirSync(out, { recursive: true });

const get = async (q) => {
  const r = await fetch(`${base}/${q}`, { headers: { Accept: 'application/fhir+json' } });
  if (!r.ok) throw new Error(`${q}: ${r.status} ${(await r.text()).slice(0, 300)}`);
  return r.json();
};
const some = async (q) => ((await get(q)).entry ?? []).filter((e) => e.search?.mode === 'match').map((e) => e.resource);

// Samples from different places of the record: pages of several months.
const sample = async (type, param) => {
  const all = [];
  for (const month of ['01', '03', '05', '07', '09', '11']) {
    for (const year of ['2023', '2024', '2025', '2026']) {
      if (all.length < VALUES * 2) all.push(...(await some(`${type}?${param}=${year}-${month}&_count=40`)));
    }
  }
  return all;
};
const visits = await sample('Encounter', 'date');
const conditions = await some('Condition?_count=400');
const observations = await sample('Observation', 'date');
const patients = [];
for (const y of [1940, 1950, 1960, 1970, 1980, 1990, 2000, 2010]) patients.push(...(await some(`Patient?birthdate=ge${y}&birthdate=lt${y + 1}&_count=40`)));
const token = (c) => `${encodeURIComponent(c.system ?? '')}%7C${encodeURIComponent(c.code)}`;
const pick = (list, f) => {
  const values = [...new Set(list.map(f).filter((v) => v !== undefined && v !== ''))].slice(0, VALUES);
  if (values.length === 0) throw new Error(`no values: ${f}`);
  return values;
};
const subject = pick(visits, (v) => v.subject?.reference);
const provider = pick(visits, (v) => v.serviceProvider?.reference);
const day = pick(visits, (v) => v.period?.start?.slice(0, 10));
const month = pick(visits, (v) => v.period?.start?.slice(0, 7));
const identifier = pick(patients, (p) => p.identifier?.[0] && `${encodeURIComponent(p.identifier[0].system ?? '')}%7C${encodeURIComponent(p.identifier[0].value)}`);
const birth = pick(patients, (p) => p.birthDate);
const name = pick(patients, (p) => encodeURIComponent((p.name?.[0]?.text ?? p.name?.[0]?.family ?? '').split(' ').pop()));
const icd = pick(conditions, (c) => c.code?.coding?.[0] && token(c.code.coding[0]));
const test = pick(observations, (o) => o.code?.coding?.[0] && token(o.code.coding[0]));
const visit = pick(visits, (v) => v.id);
const valued = observations.filter((o) => o.valueQuantity?.value !== undefined && o.code?.coding?.[0]);
const testValue = pick(valued.length > 0 ? valued : observations, (o) => o.code?.coding?.[0] && `code=${token(o.code.coding[0])}&value-quantity=gt${o.valueQuantity?.value ?? 1}`);
const most = (list, f) => {
  const counts = new Map();
  for (const v of list.map(f).filter(Boolean)) counts.set(v, (counts.get(v) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1])[0][0];
};
const commonIcd = most(conditions, (c) => c.code?.coding?.[0] && token(c.code.coding[0]));
const commonTest = most(observations, (o) => o.code?.coding?.[0] && token(o.code.coding[0]));
const list = (values, n) => values.slice(0, n).join(',');

const shapes = [
  ['read*', visit.map((v) => `Encounter/${v}`)],
  ['patient by identifier*', identifier.map((v) => `Patient?identifier=${v}`)],
  ['patient by name*', name.map((v) => `Patient?name=${v}&_count=10`)],
  ['patient by name and birth date*', birth.map((v, i) => `Patient?name=${name[i % name.length]}&birthdate=ge${v}&_count=10`)],
  ['patient by birth date*', birth.map((v) => `Patient?birthdate=${v}&_count=10`)],
  ['patients of a decade, women', ['Patient?birthdate=ge1960&birthdate=lt1970&gender=female&_count=10']],
  ['patients by name, sorted by birth date', ['Patient?name=a&_sort=birthdate&_count=10']],
  ['visits of a patient*', subject.map((v) => `Encounter?subject=${v}&_count=50`)],
  ['visits of a patient, newest first*', subject.map((v) => `Encounter?subject=${v}&_sort=-date&_count=10`)],
  ['visits of a day*', day.map((v) => `Encounter?date=${v}&_count=10`)],
  ['visits of a month at a facility*', month.map((v, i) => `Encounter?date=${v}&service-provider=${provider[i % provider.length]}&_count=10`)],
  ['visits with patient and facility included*', day.map((v) => `Encounter?date=${v}&_include=Encounter:subject&_include=Encounter:service-provider&_count=10`)],
  ['number of visits of a month*', month.map((v) => `Encounter?date=${v}&_summary=count`)],
  ['diagnosis*', icd.map((v) => `Condition?code=${v}&_count=10`)],
  ['diagnosis of a patient*', icd.map((v, i) => `Condition?code=${v}&subject=${subject[i % subject.length]}`)],
  ['number of a diagnosis*', icd.map((v) => `Condition?code=${v}&_summary=count`)],
  ['diagnosis with its patients', [`Condition?code=${commonIcd}&_include=Condition:subject&_count=20`]],
  ['one of fifty diagnoses', [`Condition?code=${list(icd, 50)}&_count=10`]],
  ['result*', test.map((v) => `Observation?code=${v}&_count=10`)],
  ['result since a day*', test.map((v, i) => `Observation?code=${v}&date=ge${day[i % day.length]}&_count=10`)],
  ['result above a value*', testValue.map((v) => `Observation?${v}&_count=10`)],
  ['number of a result', [`Observation?code=${commonTest}&_summary=count`]],
  ['number of a result in a year', [`Observation?code=${commonTest}&date=2025&_summary=count`]],
  ['newest resources of a type', ['Observation?_sort=-_lastUpdated&_count=10']],
  ['changed in the last day', [`Encounter?_lastUpdated=ge${new Date(Date.now() - 86400000).toISOString().slice(0, 10)}&_count=10`]],
  ['chain: results of patients by name', [`Observation?subject:Patient.name=Lan&_count=10`]],
  ['chain: visits of a facility by name', ['Encounter?service-provider:Organization.name=b&_count=10']],
  ['reverse: patients with a diagnosis', [`Patient?_has:Condition:subject:code=${commonIcd}&_count=10`]],
  ['missing value', ['Patient?death-date:missing=true&_count=10']],
  ['the whole record, first page', subject.slice(0, 20).map((v) => `${v}/$everything?_count=50`)],
];
// A page of ten hits is more work than one of two, and that is not growth: in the second mix, shapes whose page the
// smallest size cannot fill have a page that it can.
const even = {
  'patient by birth date*': 1,
  'patient by name and birth date*': 1,
  'visits of a patient*': 2,
  'visits of a patient, newest first*': 2,
  'visits of a day*': 2,
  'visits of a month at a facility*': 1,
  'visits with patient and facility included*': 2,
  'diagnosis of a patient*': 1,
};
const paged = (url, n) => `${url.replace(/&_count=\d+$/, '')}&_count=${n}`;
if (shapes.length !== 30) throw new Error(`${shapes.length} shapes`);
for (const title of Object.keys(even)) {
  if (!shapes.some((s) => s[0] === title)) throw new Error(`no shape ${title}`);
}

// As many of each shape, in an order that chance made once.
const mixed = (all) => {
  const lines = all.flatMap((urls) => Array.from({ length: VALUES }, (_, i) => urls[i % urls.length]));
  let seed = 1;
  for (let i = lines.length - 1; i > 0; i--) {
    seed = (seed * 48271) % 2147483647;
    const k = seed % (i + 1);
    [lines[i], lines[k]] = [lines[k], lines[i]];
  }
  return lines;
};
const write = (file, urls) => fs.writeFileSync(`${out}/${file}`, urls.map((u) => `/fhir/${u}\n`).join(''));
for (const [i, [title, urls]] of shapes.entries()) {
  await get(urls[0]); // a shape that is refused is found here, not in a figure
  write(`${String(i + 1).padStart(2, '0')}-${title}.urls`, urls);
}
write('mix', mixed(shapes.map(([, urls]) => urls)));
write('even', mixed(shapes.map(([title, urls]) => (even[title] === undefined ? urls : urls.map((u) => paged(u, even[title]))))));
fs.writeFileSync(`${out}/ids`, visit.map((v) => `${v}\n`).join(''));
console.log(`everywhere the same: diagnosis ${decodeURIComponent(commonIcd)}, test ${decodeURIComponent(commonTest)}`);
