/** The load of the benchmarks over sockets: a bare client, so that the server is what is measured, and free and paid requests in turns. */
import { fork } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const median = (list) => [...list].sort((x, y) => x - y)[Math.floor(list.length / 2)];

/** Sends the requests one after the other on one connection. @returns how many were answered 200, and the time of each in ms */
function drive(port, requests) {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    const times = [];
    let next = 0;
    let ok = 0;
    let pending = '';
    let sentAt = 0;
    const send = () => {
      if (next === requests.length) return socket.end();
      sentAt = performance.now();
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
      times.push(performance.now() - sentAt);
      pending = '';
      send();
    });
    socket.on('close', () => resolve({ ok, times }));
    socket.on('error', reject);
  });
}

export const ask = (child, message) =>
  new Promise((resolve) => (child.once('message', resolve), child.send(message)));

/**
 * Sends each client's requests on a connection of its own, all at once.
 * @returns requests a second, the server's CPU for one in µs, and the latency of one in ms
 */
export async function measure(child, port, perClient) {
  const before = (await ask(child, 'usage')).usage;
  const start = process.hrtime.bigint();
  const served = await Promise.all(perClient.map((requests) => drive(port, requests)));
  const seconds = Number(process.hrtime.bigint() - start) / 1e9;
  const after = (await ask(child, 'usage')).usage;
  const count = served.reduce((sum, { ok }) => sum + ok, 0);
  const wanted = perClient.reduce((sum, requests) => sum + requests.length, 0);
  if (count !== wanted) throw new Error(`${count} of ${wanted} requests were served`);
  const cpu = after.user + after.system - before.user - before.system;
  const times = served.flatMap((one) => one.times).sort((a, b) => a - b);
  const at = (part) => times[Math.floor(times.length * part)];
  return { perSecond: count / seconds, serverMicroseconds: cpu / count, p50: at(0.5), p99: at(0.99) };
}

const requestLines = (path, more = '') => `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n${more}\r\n`;

/**
 * First free requests, then paid ones.
 * @param lines what each client pays with, a header line each
 * @param freeEach free requests of each client, as many as paid ones unless told
 */
export async function measurePair(child, port, lines, freeEach = lines[0].length) {
  const free = lines.map(() => Array(freeEach).fill(requestLines('/free')));
  const paid = lines.map((one) => one.map((line) => requestLines('/paid', `${line}\r\n`)));
  return { free: await measure(child, port, free), paid: await measure(child, port, paid) };
}

/** @returns medians of pairs; `ratio` and what is `added` are of adjacent ones */
export function summarizePairs(pairs) {
  const of = (which, key) => median(pairs.map((pair) => pair[which][key]));
  const added = (key) => Number(median(pairs.map(({ free, paid }) => paid[key] - free[key])).toFixed(2));
  return {
    freePerSecond: Math.round(of('free', 'perSecond')),
    paidPerSecond: Math.round(of('paid', 'perSecond')),
    ratio: Number(median(pairs.map(({ free, paid }) => paid.perSecond / free.perSecond)).toFixed(2)),
    freeServerMicroseconds: Number(of('free', 'serverMicroseconds').toFixed(1)),
    paidServerMicroseconds: Number(of('paid', 'serverMicroseconds').toFixed(1)),
    addedP50: added('p50'),
    addedP99: added('p99'),
  };
}

const toHeaderLines = (tokens) => tokens.map((token) => `Authorization: ${token}`);

/**
 * Starts bench/http-server.mjs, pays it in rounds, and checks that the ledger charged just that.
 *
 * @param more what the server is told besides, such as the port of an upstream
 */
export async function loadServer({ protocol, clients, claims, rounds }, ...more) {
  const folder = mkdtempSync(join(tmpdir(), 'impuls-bench-'));
  const child = fork(fileURLToPath(new URL('http-server.mjs', import.meta.url)), [
    folder,
    String(clients),
    String(claims * (rounds + 1)),
    protocol,
    ...more,
  ]);
  try {
    const { ready: port } = await new Promise((resolve) => child.once('message', resolve));
    const tokens = JSON.parse(readFileSync(join(folder, 'tokens.json'), 'utf8'));
    const pairs = [];
    for (let round = 0; round <= rounds; round++) {
      const lines = tokens.map((one) => one.slice(round * claims, (round + 1) * claims));
      pairs.push(await measurePair(child, port, lines.map(toHeaderLines)));
    }
    const { spent } = await ask(child, 'stop');
    const charged = clients * claims * (rounds + 1);
    if (spent !== charged) throw new Error(`the ledger charged ${spent} units for ${charged} requests`);
    // The first pair warms up.
    return { protocol, clients, ...summarizePairs(pairs.slice(1)) };
  } finally {
    child.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}
