// FHIR clients that other people wrote, unchanged, against a running server: what they get back is
// asserted. Usage: node clients_test.mjs BASE_URL (…/fhir). TAP output. All persons are invented.
import assert from 'node:assert/strict';
import { MedplumClient } from '@medplum/core';
import { Client as KitClient } from 'fhir-kit-client';
import smart from 'fhirclient';
import { end, test } from './tap.mjs';

const base = process.argv[2];
const SYSTEM = 'urn:example:synthetic';
const person = (id, family, birthDate) => ({
  resourceType: 'Patient',
  identifier: [{ system: SYSTEM, value: id }],
  name: [{ use: 'official', text: `${family} Thử`, family, given: ['Thử'] }],
  gender: 'female',
  birthDate,
});
const result = (patient, code, value) => ({
  resourceType: 'Observation',
  status: 'final',
  code: { coding: [{ system: 'http://loinc.org', code }] },
  subject: { reference: `Patient/${patient}` },
  effectiveDateTime: '2026-03-01T08:00:00+07:00',
  valueQuantity: { value, unit: 'g/dL', system: 'http://unitsofmeasure.org', code: 'g/dL' },
});

// ---- fhir-kit-client

const kit = new KitClient({ baseUrl: base });
let kitPatient;

await test('fhir-kit-client: capability statement', async () => {
  const s = await kit.capabilityStatement();
  assert.equal(s.fhirVersion, '4.0.1');
  assert.ok(s.rest[0].resource.find((r) => r.type === 'Patient').interaction.length > 5);
});
await test('fhir-kit-client: create, read, update, version read', async () => {
  const made = await kit.create({ resourceType: 'Patient', body: person('kit-1', 'Trần', '1980-05-06') });
  kitPatient = made.id;
  const read = await kit.read({ resourceType: 'Patient', id: made.id });
  assert.equal(read.birthDate, '1980-05-06');
  const changed = await kit.update({ resourceType: 'Patient', id: made.id, body: { ...read, gender: 'other' } });
  assert.equal(changed.meta.versionId, '2');
  const first = await kit.vread({ resourceType: 'Patient', id: made.id, version: '1' });
  assert.equal(first.gender, 'female');
});
await test('fhir-kit-client: JSON Patch', async () => {
  const p = await kit.patch({
    resourceType: 'Patient',
    id: kitPatient,
    jsonPatch: [{ op: 'replace', path: '/gender', value: 'male' }],
  });
  assert.equal(p.gender, 'male');
});
await test('fhir-kit-client: conditional create and update', async () => {
  const again = await kit.create({
    resourceType: 'Patient',
    body: person('kit-1', 'Khác', '1990-01-01'),
    options: { headers: { 'If-None-Exist': `identifier=${SYSTEM}|kit-1` } },
  });
  assert.equal(again.id, kitPatient);
  const updated = await kit.update({
    resourceType: 'Patient',
    searchParams: { identifier: `${SYSTEM}|kit-1` },
    body: person('kit-1', 'Trần', '1981-05-06'),
  });
  assert.equal(updated.id, kitPatient);
  assert.equal(updated.birthDate, '1981-05-06');
});
await test('fhir-kit-client: transaction with references between its entries', async () => {
  const bundle = await kit.transaction({
    body: {
      resourceType: 'Bundle',
      type: 'transaction',
      entry: [
        { fullUrl: 'urn:uuid:0b7ec6d3-3d0f-4a08-8a8e-7c5b5f5d7a01', resource: person('kit-2', 'Lê', '1970-01-02'), request: { method: 'POST', url: 'Patient' } },
        ...[11, 12.5, 14].map((v) => ({
          resource: { ...result('x', '718-7', v), subject: { reference: 'urn:uuid:0b7ec6d3-3d0f-4a08-8a8e-7c5b5f5d7a01' } },
          request: { method: 'POST', url: 'Observation' },
        })),
      ],
    },
  });
  assert.equal(bundle.type, 'transaction-response');
  assert.ok(bundle.entry.every((e) => e.response.status.startsWith('201')));
});
await test('fhir-kit-client: search, pages, total', async () => {
  let page = await kit.search({
    resourceType: 'Observation',
    searchParams: { 'subject:Patient.identifier': `${SYSTEM}|kit-2`, code: '718-7', _sort: 'value-quantity', _count: 2, _total: 'accurate' },
  });
  assert.equal(page.total, 3);
  const values = page.entry.map((e) => e.resource.valueQuantity.value);
  page = await kit.nextPage({ bundle: page });
  values.push(...page.entry.map((e) => e.resource.valueQuantity.value));
  assert.deepEqual(values, [11, 12.5, 14]);
});
await test('fhir-kit-client: compartment and system search, by POST too', async () => {
  const patient = (await kit.search({ resourceType: 'Patient', searchParams: { identifier: `${SYSTEM}|kit-2` } })).entry[0].resource;
  const inside = await kit.compartmentSearch({ resourceType: 'Observation', compartment: { resourceType: 'Patient', id: patient.id } });
  assert.equal(inside.entry.length, 3);
  const both = await kit.systemSearch({ searchParams: { _type: 'Patient,Observation', _count: 100 } });
  assert.deepEqual([...new Set(both.entry.map((e) => e.resource.resourceType))].sort(), ['Observation', 'Patient']);
  const posted = await kit.search({ resourceType: 'Patient', searchParams: { family: 'lê' }, options: { postSearch: true } });
  assert.equal(posted.entry.length, 1);
});
await test('fhir-kit-client: batch, history, $everything, delete', async () => {
  const batch = await kit.batch({
    body: { resourceType: 'Bundle', type: 'batch', entry: [{ request: { method: 'GET', url: `Patient/${kitPatient}` } }, { request: { method: 'GET', url: 'Patient/khong-co' } }] },
  });
  assert.deepEqual(batch.entry.map((e) => e.response.status.slice(0, 3)), ['200', '404']);
  const history = await kit.history({ resourceType: 'Patient', id: kitPatient });
  assert.ok(history.entry.length >= 4);
  const everything = await kit.operation({ name: '$everything', resourceType: 'Patient', id: kitPatient, method: 'GET' });
  assert.equal(everything.type, 'searchset');
  await kit.delete({ resourceType: 'Patient', id: kitPatient });
  await assert.rejects(kit.read({ resourceType: 'Patient', id: kitPatient }), (e) => e.response.status === 410);
});

// ---- @medplum/core

const medplum = new MedplumClient({ baseUrl: base.replace(/fhir$/, ''), fhirUrlPath: 'fhir', fetch });
let mine;

await test('@medplum/core: create, read, update, patch', async () => {
  mine = await medplum.createResource(person('med-1', 'Phạm', '1999-09-09'));
  assert.equal((await medplum.readResource('Patient', mine.id)).name[0].family, 'Phạm');
  mine = await medplum.updateResource({ ...mine, active: true });
  assert.equal(mine.meta.versionId, '2');
  mine = await medplum.patchResource('Patient', mine.id, [{ op: 'add', path: '/telecom', value: [{ system: 'phone', value: '0900 000 000' }] }]);
  assert.equal(mine.telecom.length, 1);
});
await test('@medplum/core: createResourceIfNoneExist, upsertResource', async () => {
  const same = await medplum.createResourceIfNoneExist(person('med-1', 'Khác', '2000-01-01'), `identifier=${SYSTEM}|med-1`);
  assert.equal(same.id, mine.id);
  const up = await medplum.upsertResource({ ...person('med-2', 'Võ', '2001-02-03') }, `identifier=${SYSTEM}|med-2`);
  assert.ok(up.id);
});
await test('@medplum/core: batch, searches, pages', async () => {
  const answer = await medplum.executeBatch({
    resourceType: 'Bundle',
    type: 'batch',
    entry: [1, 2, 3, 4, 5].map((v) => ({ resource: result(mine.id, '2345-7', v), request: { method: 'POST', url: 'Observation' } })),
  });
  assert.ok(answer.entry.every((e) => e.response.status.startsWith('201')));
  const found = await medplum.searchResources('Observation', { patient: mine.id, code: 'http://loinc.org|2345-7', 'value-quantity': 'gt3' });
  assert.deepEqual(found.map((o) => o.valueQuantity.value).sort(), [4, 5]);
  const seen = new Set();
  for await (const page of medplum.searchResourcePages('Observation', { patient: mine.id, _count: 2 })) {
    page.forEach((o) => seen.add(o.id));
  }
  assert.equal(seen.size, 5);
  assert.equal((await medplum.searchOne('Patient', { identifier: `${SYSTEM}|med-2` })).name[0].family, 'Võ');
});
await test('@medplum/core: references, history, everything, GraphQL, validation', async () => {
  const [o] = await medplum.searchResources('Observation', { patient: mine.id, _count: 1 });
  assert.equal((await medplum.readReference(o.subject)).id, mine.id);
  assert.ok((await medplum.readHistory('Patient', mine.id)).entry.length >= 3);
  assert.ok((await medplum.readPatientEverything(mine.id)).entry.length >= 6);
  const g = await medplum.graphql(`{ Patient(id: "${mine.id}") { name { family } ObservationList(_reference: patient, _count: 10) { valueQuantity { value } } } }`);
  assert.equal(g.data.Patient.name[0].family, 'Phạm');
  assert.equal(g.data.Patient.ObservationList.length, 5);
  const outcome = await medplum.validateResource({ ...person('med-3', 'Đỗ', '2002-02-02') });
  assert.ok(outcome.issue.every((i) => i.severity !== 'error' && i.severity !== 'fatal'));
});
await test('@medplum/core: binary, value set, delete, errors as OperationOutcome', async () => {
  const binary = await medplum.createBinary({ data: 'xin chào', contentType: 'text/plain' });
  assert.equal(binary.resourceType, 'Binary');
  const set = await medplum.valueSetExpand({ url: 'http://hl7.org/fhir/ValueSet/administrative-gender', filter: 'fem' });
  assert.deepEqual(set.expansion.contains.map((c) => c.code), ['female']);
  await assert.rejects(medplum.createResource({ resourceType: 'Patient', gender: 'khong' }), (e) => e.outcome.resourceType === 'OperationOutcome');
  await medplum.deleteResource('Patient', mine.id);
  await assert.rejects(medplum.readResource('Patient', mine.id, { cache: 'reload' }));
});

// ---- fhirclient (SMART)

const open = smart({ headers: {}, url: '/' }, {}).client({ serverUrl: base });
let theirs;

await test('fhirclient: create, update, patch, delete', async () => {
  theirs = await open.create(person('fc-1', 'Hồ', '1960-06-06'));
  const changed = await open.update({ ...theirs, gender: 'unknown' });
  assert.equal(changed.meta.versionId, '2');
  const patched = await open.patch(`Patient/${theirs.id}`, [{ op: 'remove', path: '/gender' }]);
  assert.equal(patched.gender, undefined);
  const other = await open.create(person('fc-2', 'Xoá', '1961-01-01'));
  await open.delete(`Patient/${other.id}`);
  await assert.rejects(open.request(`Patient/${other.id}`));
});
await test('fhirclient: requests, references resolved, all pages flat', async () => {
  for (let i = 0; i < 7; i += 1) await open.create(result(theirs.id, '8867-4', 60 + i));
  const all = await open.request(`Observation?patient=${theirs.id}&_count=3`, { pageLimit: 0, flat: true });
  assert.equal(all.length, 7);
  const one = await open.request(`Observation?patient=${theirs.id}&_count=1`, { resolveReferences: 'subject', graph: true, flat: true });
  assert.equal(one[0].subject.id, theirs.id);
});
await test('fhirclient: patient context', async () => {
  const bound = smart({ headers: {}, url: '/' }, {}).client({ serverUrl: base, tokenResponse: { patient: theirs.id } });
  assert.equal((await bound.patient.read()).name[0].family, 'Hồ');
  const found = await bound.patient.request('Observation');
  assert.equal(found.resourceType, 'Bundle');
  assert.ok(found.entry.length >= 7);
});

end();
