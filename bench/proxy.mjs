/**
 * The proxy with payment over the same proxy without: 1 KiB of JSON from an upstream in a process of its own, 64 connections, every
 * payment durable in SQLite before it is passed on. The client is a bare socket loop.
 */
import { fork } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { ask, measure } from './http.mjs';

const script = (name) => fileURLToPath(new URL(name, import.meta.url));
const ready = (child) => new Promise((resolve) => child.once('message', resolve));

export async function run({ quick = false, protocol = 'stream', clients = 64 } = {}) {
  const rounds = quick ? 3 : 5;
  const claims = quick ? 100 : 400;
  const folder = mkdtempSync(join(tmpdir(), 'impuls-bench-'));
  const upstream = fork(script('proxy-upstream.mjs'));
  const { ready: upstreamPort } = await ready(upstream);
  const child = fork(script('http-server.mjs'), [
    folder,
    String(clients),
    String(claims * (rounds + 1)),
    protocol,
    String(upstreamPort),
  ]);
  const { ready: port } = await ready(child);
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
  const figures = { free: [], paid: [] };
  for (let round = 1; round <= rounds; round++) {
    figures.free.push(await measure(child, port, free));
    figures.paid.push(await measure(child, port, paid(round)));
  }
  const { spent } = await ask(child, 'stop');
  upstream.disconnect();
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
    ratio: Number(
      median(figures.paid.map(({ perSecond }, i) => perSecond / figures.free[i].perSecond)).toFixed(2),
    ),
    freeServerMicroseconds: Number(of('free', 'serverMicroseconds').toFixed(1)),
    paidServerMicroseconds: Number(of('paid', 'serverMicroseconds').toFixed(1)),
  };
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  console.log(await run({ quick: process.argv.includes('--quick') }));
}
