// A stand-in for the fund's gateway that misbehaves on demand: node gateway.mjs PORT
// POST /control {"token"|"file"|"card": HOW, "times": N, "only": TEXT}: the next N calls (0: until told
// otherwise) of that kind, only of files that hold the text. HOW: ok, slow (1 s), hang (taken, never
// answered), late (taken, answered after 1 s), lost (cut before anything is taken), cut (taken, then cut), 500 (HTTP), html, old (401 in the
// answer: the token is over), shut (answered, then stopped until somebody continues the process: no connection is made any
// more), or any other text: that maKetQua. GET /effects: what was taken.
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import { connect } from 'node:net';

const port = Number(process.argv[2]);
const ways = { token: [], file: [], card: [] };
const taken = new Map(); // digest of the file → { number, calls }
const calls = { token: 0, file: 0, card: 0, late: 0 };
let tokens = 0;

function way(kind, text) {
  const found = ways[kind].find((w) => !w.only || text.includes(w.only));
  if (found && found.times && --found.times === 0) ways[kind].splice(ways[kind].indexOf(found), 1);
  return found ? found.how : 'ok';
}
function take(bytes) {
  const digest = createHash('sha256').update(bytes).digest('hex');
  const known = taken.get(digest) ?? { number: `GD-${taken.size + 1}`, calls: 0, file: bytes.toString() };
  known.calls += 1;
  taken.set(digest, known);
  return known.number;
}
// The tables of a claim file stand in it as base64.
const opened = (text) => text.replace(/<NOIDUNGFILE>([^<]*)/g, (_, table) => Buffer.from(table, 'base64').toString());
function say(res, json) {
  res.writeHead(200, { 'Content-Type': 'application/json; charset=utf-8' });
  res.end(JSON.stringify(json));
}

/** Others fill the queue of connections that wait to be taken, before the answer is out: whoever comes behind it waits. */
function shut(res, json) {
  const others = Array.from({ length: 8 }, () => connect(port, '127.0.0.1').on('error', () => {}));
  process.nextTick(() => {
    res.setHeader('Connection', 'close');
    say(res, json);
    process.kill(process.pid, 'SIGSTOP');
    for (const other of others) other.destroy();
  });
}

const handlers = {
  '/api/token/take': () => ({
    kind: 'token',
    ok: () => ({
      maKetQua: '200',
      APIKey: { access_token: `A${++tokens}`, id_token: `I${tokens}`, expires_in: new Date(Date.now() + 12e5).toISOString() },
    }),
  }),
  '/api/egw/KQNhanLichSuKCB2024': (req, body) => ({
    kind: 'card',
    text: body,
    good: new URL(req.url, 'http://x').searchParams.get('token') === `A${tokens}`,
    ok: () => ({ maKetQua: '000', maThe: JSON.parse(body).maThe, hoTen: JSON.parse(body).hoTen, gtTheTu: '01/01/2026', dsLichSuKCB: [] }),
  }),
};
function file(req, body) {
  const bytes = Buffer.from(new URLSearchParams(body).get('fileHSBase64') ?? '', 'base64');
  return {
    kind: 'file',
    text: opened(bytes.toString()),
    good: req.headers.accesstoken === `A${tokens}`,
    ok: () => ({ maKetQua: '200', maGiaoDich: take(bytes), thoiGianTiepNhan: '20261122000000', thongDiep: '' }),
  };
}

function answer(req, res, body) {
  const path = req.url.split('?')[0];
  const call = (handlers[path] ?? file)(req, body);
  calls[call.kind] += 1;
  if (call.good === false) return say(res, { maKetQua: '401' });
  const how = way(call.kind, call.text ?? '');
  if (how === 'ok') return say(res, call.ok());
  if (how === 'slow') return setTimeout(() => say(res, call.ok()), 1000);
  if (how === 'lost') return res.socket.destroy();
  if (how === 'hang') return call.ok();
  if (how === 'late') {
    const said = call.ok();
    return setTimeout(() => {
      say(res, said);
      calls.late += 1;
    }, 1000);
  }
  if (how === 'cut') {
    call.ok();
    return res.socket.destroy();
  }
  if (how === 'shut') return shut(res, call.ok());
  if (how === 'html') return res.end('<html>sign in</html>');
  if (how === '500') {
    res.writeHead(500);
    return res.end();
  }
  if (how === 'old') tokens += 1000; // every token is over
  return say(res, { maKetQua: how === 'old' ? '401' : how, thongDiep: `as told: ${how}` });
}

createServer((req, res) => {
  const parts = [];
  req.on('data', (part) => parts.push(part));
  req.on('end', () => {
    const body = Buffer.concat(parts).toString();
    if (req.url === '/control') {
      const { times = 0, only = '', ...kinds } = JSON.parse(body);
      for (const [kind, how] of Object.entries(kinds)) ways[kind] = how === 'ok' ? [] : [...ways[kind], { how, times, only }];
      return say(res, {});
    }
    if (req.url === '/effects') {
      const list = [...taken].map(([sha256, { number, calls: n, file: text }]) => ({ number, calls: n, ma_lk: /<MA_LK>([^<]*)/.exec(opened(text))?.[1], sha256 }));
      return say(res, { effects: taken.size, calls, list });
    }
    return answer(req, res, body);
  });
}).listen({ port, host: '127.0.0.1', backlog: 2 });
