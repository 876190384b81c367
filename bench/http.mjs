/**
 * Paid over free: the same `node:http` route with the gate and without, 64 connections, 1 KiB of JSON, every payment durable in
 * SQLite before it is answered. The client is a bare socket loop, so that the server is what is measured.
 */
import { fork } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** Sends the requests one after the other on one connection, and counts the 200s. */
function drive(port, requests) {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    let next = 0;
    let ok = 0;
    let pending = '';
    const send = () => {
      if (next === requests.length) return socket.end();
      socket.write(requests[next++], 'latin1');
    };
    socket.setEncoding('latin1');
    socket.on('connect', send);
    socket.on('data', (data) => {
      pending = pending === '' ? data : pending + data;
      const head = pending.indexOf('\r\n\r\n');
      if (head < 0) return;
      const length = Number(/content-length: (\d+)/i.exec(pending)?.[1] ?? 0);
      if (pending.length < head + 4 + length) return;
      if (pending.startsWith('HTTP/1.1 200')) ok++;
      pending = '';
      send();
    });
    socket.on('close', () => resolve(ok));
    socket.on('error', reject);
  });
}

export const ask = (child, message) =>
  new Promise((resolve) => (child.once('message', resolve), child.send(message)));

export async function measure(child, port, perClient) {
  const before = (await ask(child, 'usage')).usage;
  const start = process.hrtime.bigint();
  const served = await Promise.all(perClient.map((requests) => drive(port, requests)));
  const seconds = Number(process.hrtime.bigint() - start) / 1e9;
  const after = (await ask(child, 'usage')).usage;
  const count = served.reduce((sum, n) => sum + n, 0);
  const wanted = perClient.reduce((sum, requests) => sum + requests.length, 0);
  if (count !== wanted) throw new Error(`${count} of ${wanted} requests were served`);
  const cpu = after.user + after.system - before.user - before.system;
  return { perSecond: count / seconds, serverMicroseconds: cpu / count };
}

export async function run({ quick = false, protocol = 'chain', clients = 64 } = {}) {
  const rounds = quick ? 3 : 5;
  const claims = quick ? 150 : 600;
  const folder = mkdtempSync(join(tmpdir(), 'impuls-bench-'));
  const child = fork(fileURLToPath(new URL('http-server.mjs', import.meta.url)), [
    folder,
    String(clients),
    String(claims * (rounds + 1)),
    protocol,
  ]);
  const { ready: port } = await new Promise((resolve) => child.once('message', resolve));
  const tokens = JSON.parse(readFileSync(join(folder, 'tokens.json'), 'utf8'));
  const head = `Host: 127.0.0.1:${port}\r\n`;
  const free = tokens.map(() => Array(claims).fill(`GET /free HTTP/1.1\r\n${head}\r\n`));
  const paid = (round) =>
    tokens.map((lines) =>
      lines
        .slice(round * claims, (round + 1) * claims)
        .map((line) => `GET /paid HTTP/1.1\r\n${head}Authorization: ${line}\r\n\r\n`),
    );
  await measure(child, port, free);
  await measure(child, port, paid(0));
  const ratios = [];
  const figures = { free: [], paid: [] };
  for (let round = 1; round <= rounds; round++) {
    const a = await measure(child, port, free);
    const b = await measure(child, port, paid(round));
    figures.free.push(a);
    figures.paid.push(b);
    ratios.push(b.perSecond / a.perSecond);
  }
  const { spent } = await ask(child, 'stop');
  rmSync(folder, { recursive: true, force: true });
  const charged = clients * claims * (rounds + 1);
  if (spent !== charged) throw new Error(`the ledger charged ${spent} units for ${charged} requests`);
  const median = (list) => [...list].sort((x, y) => x - y)[Math.floor(list.length / 2)];
  const of = (name, key) => median(figures[name].map((figure) => figure[key]));
  return {
    protocol,
    clients,
    freePerSecond: Math.round(of('free', 'perSecond')),
    paidPerSecond: Math.round(of('paid', 'perSecond')),
    ratio: Number(median(ratios).toFixed(2)),
    freeServerMicroseconds: Number(of('free', 'serverMicroseconds').toFixed(1)),
    paidServerMicroseconds: Number(of('paid', 'serverMicroseconds').toFixed(1)),
  };
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  for (const protocol of ['chain', 'stream'])
    console.log(await run({ quick: process.argv.includes('--quick'), protocol }));
}
