// Subscriptions over WebSocket, asked by a client that other people wrote (npm ws), over TCP and TLS.
// Usage: node ws_test.mjs BASE_URL (…/fhir). TAP output. All data invented.
import assert from 'node:assert/strict';
import WebSocket from 'ws';
import { end, test } from './tap.mjs';

process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'; // the test's own certificate
process.removeAllListeners('warning');
const base = process.argv[2];
const TOPIC = 'https://nhip.vn/fhir/SubscriptionTopic/Observation';
const BACKPORT = 'http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/';

async function ask(path, options = {}) {
  const headers = { 'Content-Type': 'application/fhir+json', 'Accept-Language': 'en' };
  const reply = await fetch(`${base}/${path}`, { headers, ...options });
  return { status: reply.status, headers: reply.headers, body: await reply.json() };
}
const put = async (resource) => {
  const path = `${resource.resourceType}/${resource.id}`;
  const { status, body } = await ask(path, { method: 'PUT', body: JSON.stringify(resource) });
  assert.ok(status === 200 || status === 201, `${path}: ${status} ${JSON.stringify(body)}`);
};
const result = (id, code) => ({
  resourceType: 'Observation',
  id,
  status: 'final',
  code: { coding: [{ system: 'urn:example:synthetic', code }] },
});
async function subscribe(id, criteria, more = {}, channel = {}) {
  await put({
    resourceType: 'Subscription', id, status: 'requested', reason: 'test', criteria, ...more,
    channel: { type: 'websocket', ...channel },
  });
  for (let i = 0; i < 500; i += 1) {
    const { body } = await ask(`Subscription/${id}`);
    if (body.status === 'active') return;
    await new Promise((done) => setTimeout(done, 20));
  }
  throw new Error(`${id} did not become active`);
}

/** A client whose messages are waited for in order. */
class Client {
  constructor(url, options = {}) {
    this.queue = [];
    this.waiting = [];
    this.pongs = 0;
    this.socket = new WebSocket(url, options);
    this.opened = new Promise((done, fail) => {
      this.socket.on('open', () => done(this));
      this.socket.on('error', fail);
    });
    this.closed = new Promise((done) => {
      this.socket.on('close', (code, reason) => done({ code, reason: String(reason) }));
    });
    this.socket.on('message', (data, binary) => {
      assert.equal(binary, false);
      const next = this.waiting.shift();
      if (next) next(String(data));
      else this.queue.push(String(data));
    });
  }
  send(text) {
    this.socket.send(text);
    return this;
  }
  next() {
    if (this.queue.length > 0) return Promise.resolve(this.queue.shift());
    return new Promise((done, fail) => {
      const timer = setTimeout(() => fail(new Error('no message')), 8000);
      this.waiting.push((text) => {
        clearTimeout(timer);
        done(text);
      });
    });
  }
  async bundle() {
    const b = JSON.parse(await this.next());
    const part = (name) => b.entry[0].resource.parameter.find((p) => p.name === name);
    return { b, type: part('type').valueCode, total: part('events-since-subscription-start').valueString };
  }
}

const metadata = await ask('metadata');
const url = metadata.body.rest[0].extension.find((e) => e.url.endsWith('capabilitystatement-websocket')).valueUri;

await test('the capability statement says where', async () => {
  assert.equal(url, `${base.replace(/^http/, 'ws')}/websocket`);
  const names = metadata.body.rest[0].resource.find((r) => r.type === 'Subscription').operation.map((o) => o.name);
  assert.ok(names.includes('get-ws-binding-token'));
});

await test('who does not speak WebSocket is told so', async () => {
  const { status, headers } = await ask('websocket');
  assert.equal(status, 426);
  assert.equal(headers.get('sec-websocket-version'), '13');
});

await test('R4: bind, bound, ping', async () => {
  await subscribe('r4', 'Observation?code=hb');
  const c = await new Client(url).opened;
  assert.equal(await c.send('bind r4').next(), 'bound r4');
  await put(result('o1', 'other'));
  await put(result('o2', 'hb'));
  assert.equal(await c.next(), 'ping r4');
  c.socket.close(1000);
  assert.equal((await c.closed).code, 1000);
});

let token;
await test('a token for the topic', async () => {
  await subscribe('t', TOPIC, {
    _criteria: { extension: [{ url: `${BACKPORT}backport-filter-criteria`, valueString: 'Observation?code=hb' }] },
  }, {
    payload: 'application/fhir+json',
    _payload: { extension: [{ url: `${BACKPORT}backport-payload-content`, valueCode: 'full-resource' }] },
  });
  const { status, body } = await ask('Subscription/t/$get-ws-binding-token');
  assert.equal(status, 200);
  const part = (name) => body.parameter.find((p) => p.name === name);
  assert.equal(part('websocket-url').valueUrl, url);
  assert.equal(part('subscription').valueString, 't');
  assert.ok(Date.parse(part('expiration').valueDateTime) > Date.now());
  token = part('token').valueString;
  assert.equal((await ask('Subscription/none/$get-ws-binding-token')).status, 404);
  assert.equal((await ask('Subscription/$get-ws-binding-token')).status, 400);
});

await test('bind-with-token: handshake, then the events themselves', async () => {
  const c = await new Client(url).opened;
  c.send(`bind-with-token ${token}`);
  const hello = await c.bundle();
  assert.equal(hello.type, 'handshake');
  assert.equal(hello.total, '0');
  await put(result('o3', 'hb'));
  const event = await c.bundle();
  assert.equal(event.type, 'event-notification');
  assert.equal(event.total, '1');
  assert.equal(event.b.entry[1].resource.id, 'o3');
  c.socket.terminate();
});

await test('one token for two, asked with Parameters; one connection for both', async () => {
  const parameter = ['r4', 't'].map((id) => ({ name: 'id', valueId: id }));
  const { body } = await ask('Subscription/$get-ws-binding-token', {
    method: 'POST', body: JSON.stringify({ resourceType: 'Parameters', parameter }),
  });
  const c = await new Client(url).opened;
  c.send(`bind-with-token ${body.parameter[0].valueString}`);
  assert.equal((await c.bundle()).type, 'handshake');
  assert.equal((await c.bundle()).type, 'handshake');
  await put(result('o4', 'hb'));
  const types = [(await c.bundle()).type, (await c.bundle()).type];
  assert.deepEqual(types, ['event-notification', 'event-notification']);
  c.socket.terminate();
});

await test('what cannot be bound is refused in words, and the connection stays', async () => {
  const c = await new Client(url).opened;
  assert.match(await c.send('bind none').next(), /^error .*none$/);
  assert.match(await c.send(`bind-with-token ${token}x`).next(), /^error .*token/);
  assert.match(await c.send(`bind-with-token ${token.replace(/\.t\./, '.r4.')}`).next(), /^error .*token/);
  assert.match(await c.send('hello').next(), /^error /);
  assert.equal(await c.send('bind r4').next(), 'bound r4');
  c.socket.terminate();
});

await test('heartbeats', async () => {
  await subscribe('h', TOPIC, {}, {
    extension: [{ url: `${BACKPORT}backport-heartbeat-period`, valueUnsignedInt: 1 }],
  });
  const { body } = await ask('Subscription/h/$get-ws-binding-token');
  const c = await new Client(url).opened;
  c.send(`bind-with-token ${body.parameter[0].valueString}`);
  assert.equal((await c.bundle()).type, 'handshake');
  assert.equal((await c.bundle()).type, 'heartbeat');
  c.socket.terminate();
});

await test('ping of the protocol; binary and large messages close with their codes', async () => {
  const c = await new Client(url).opened;
  const pong = new Promise((done) => c.socket.on('pong', (data) => done(String(data))));
  c.socket.ping('here');
  assert.equal(await pong, 'here');
  c.socket.send(Buffer.from([1, 2, 3]));
  assert.equal((await c.closed).code, 1003);
  const large = await new Client(url).opened;
  large.send('x'.repeat(1 << 20));
  assert.equal((await large.closed).code, 1009);
});

await test('a page of another site may not', async () => {
  const c = new Client(url, { origin: 'https://elsewhere.example' });
  c.closed.catch(() => {});
  await assert.rejects(c.opened, /403/);
});

await test('many clients hear the same', async () => {
  const all = await Promise.all(Array.from({ length: 40 }, () => new Client(url).opened));
  for (const c of all) assert.equal(await c.send('bind r4').next(), 'bound r4');
  await put(result('o5', 'hb'));
  for (const c of all) assert.equal(await c.next(), 'ping r4');
  for (const c of all) c.socket.terminate();
});

if (process.argv[3] !== undefined) { // the server's process: it is asked to stop while one listens
  await test('a stop says goodbye', async () => {
    const c = await new Client(url).opened;
    assert.equal(await c.send('bind r4').next(), 'bound r4');
    process.kill(Number(process.argv[3]), 'SIGTERM');
    assert.equal((await c.closed).code, 1001);
  });
}

end();
