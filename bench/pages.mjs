// Times the screens' answers and searches of a running server, one request at a time: bench/pages.sh calls it.
// Usage: node pages.mjs BASE OUT; writes lines NAME \t p50 ms \t p99 ms. Values come from visits of all years.
import fs from 'node:fs';
import http from 'node:http';

const [base, out] = process.argv.slice(2);
const ROUNDS = 200;
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
const get = (path) =>
  new Promise((resolve, reject) => {
    http
      .get(`${base}${path}`, { agent }, (res) => {
        const parts = [];
        res.on('data', (d) => parts.push(d));
        res.on('end', () =>
          res.statusCode === 200 ? resolve(Buffer.concat(parts).toString()) : reject(new Error(`${path}: ${res.statusCode} ${parts.join('').slice(0, 300)}`)),
        );
      })
      .on('error', reject);
  });
const found = async (q) => (JSON.parse(await get(`/fhir/${q}`)).entry ?? []).map((e) => e.resource);

const visits = [];
for (const year of [2022, 2023, 2024, 2025, 2026]) {
  for (const month of ['02', '05', '08', '11']) visits.push(...(await found(`Encounter?date=${year}-${month}-10&_count=20`)));
}
if (visits.length === 0) throw new Error('no visits');
const of = (f) => {
  const all = [...new Set(visits.map(f).filter(Boolean))];
  return (i) => all[(i * 7) % all.length];
};
const visit = of((v) => v.id);
const patient = of((v) => v.subject?.reference?.slice('Patient/'.length));
const facility = of((v) => v.serviceProvider?.reference?.replace('Organization/cskcb-', ''));
const day = of((v) => v.period?.start?.slice(0, 10));
const month = of((v) => v.period?.start?.slice(0, 7));
const people = [];
for (let i = 0; i < 20; i++) people.push(...(await found(`Patient?_id=${patient(i)}`)));
const name = people.map((p) => encodeURIComponent(p.name?.[0]?.text ?? '')).filter(Boolean);
const number = people.map((p) => p.identifier?.[0]?.value).filter(Boolean);
const has = (list) => (i) => list[i % list.length];

const pages = [
  ['operations, the province', () => '/api/ops'],
  ['operations of a facility', (i) => `/api/ops?facility=${facility(i)}`],
  ['citizens by name', (i) => `/api/citizens?q=${has(name)(i)}`],
  ['citizens by number', (i) => `/api/citizens?q=${has(number)(i)}`],
  ["a citizen's record", (i) => `/api/citizens/${patient(i)}`],
  ['a visit opened', (i) => `/api/citizens/${visits[(i * 7) % visits.length].subject.reference.slice(8)}/visits/${visits[(i * 7) % visits.length].id}`],
  ['claims: funnel of the province', () => '/api/claims/counts'],
  ['claims: funnel of a facility', (i) => `/api/claims/counts?facility=${facility(i)}`],
  ['claims: list of the province', () => '/api/claims/list'],
  ['claims: list of facility and month', (i) => `/api/claims/list?facility=${facility(i)}&from=${month(i)}&to=${month(i)}`],
  ['claims: rules that found something', () => '/api/claims/rules'],
  ['a claim to repair', (i) => `/api/visits/${visit(i)}/claim`],
  ['claim file written again', (i) => `/api/visits/${visit(i)}/claim.xml`],
  ['FHIR: read', (i) => `/fhir/Encounter/${visit(i)}`],
  ['FHIR: visits of a patient', (i) => `/fhir/Encounter?subject=Patient/${patient(i)}&_count=10`],
  ['FHIR: visits of a day', (i) => `/fhir/Encounter?date=${day(i)}&_count=10`],
  ['FHIR: a month at a facility', (i) => `/fhir/Encounter?date=${month(i)}&service-provider=Organization/cskcb-${facility(i)}&_count=10`],
  ['FHIR: number of a diagnosis', () => '/fhir/Condition?code=I10&_summary=count'],
  ['FHIR: the whole record', (i) => `/fhir/Patient/${patient(i)}/$everything?_count=50`],
];

const lines = [];
for (const [title, path] of pages) {
  const ms = [];
  for (let i = -10; i < ROUNDS; i++) {
    const start = performance.now();
    await get(path(i + 10));
    if (i >= 0) ms.push(performance.now() - start);
  }
  ms.sort((a, b) => a - b);
  lines.push(`${title}\t${ms[ROUNDS / 2].toFixed(2)}\t${ms[Math.floor(ROUNDS * 0.99)].toFixed(2)}\n`);
}
fs.writeFileSync(out, lines.join(''));
agent.destroy();
