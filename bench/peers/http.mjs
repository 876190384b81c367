/**
 * Paid over free behind `node:http`, for those that have a server for it: every protocol in a process of its own, all of them open at
 * once, a pair of a free and a paid load on each in turns. And what a payment weighs on the wire.
 */
import { fork } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { measurePair, summarizePairs } from '../load.mjs';

const peerServer = fileURLToPath(new URL('server.mjs', import.meta.url));
const ownServer = fileURLToPath(new URL('../http-server.mjs', import.meta.url));

/** How many payments each client makes in a round at 1, 64 and 512 connections: what costs more is asked for less. */
const servers = {
  'impuls-chain-sqlite': { 1: 200, 64: 60, 512: 8 },
  'impuls-stream-sqlite': { 1: 200, 64: 60, 512: 8 },
  'impuls-chain': { 1: 400, 64: 60, 512: 8 },
  'impuls-stream': { 1: 400, 64: 60, 512: 8 },
  'mppx-trivial': { 1: 100, 64: 12, 512: 2 },
  'mppx-session': { 1: 30, 64: 3, 512: 1 },
  'x402-exact': { 1: 40, 64: 3, 512: 1 },
};

async function openServer(name, connections, rounds) {
  const folder = mkdtempSync(join(tmpdir(), 'impuls-bench-'));
  const claims = servers[name][connections];
  const total = claims * (rounds + 1) + 1;
  const file = join(folder, 'tokens.json');
  const [, protocol] = /^impuls-(\w+)-sqlite$/.exec(name) ?? [];
  const words = protocol
    ? [ownServer, [folder, connections, total, protocol].map(String)]
    : [peerServer, [name, file, connections, total].map(String)];
  const child = fork(...words);
  const { ready: port } = await new Promise((resolve, reject) => {
    child.once('message', resolve);
    child.once('exit', () => reject(new Error(`${name} did not start`)));
  });
  let lines = JSON.parse(readFileSync(file, 'utf8'));
  if (protocol) lines = lines.map((tokens) => tokens.map((token) => `Authorization: ${token}`));
  const close = () => {
    child.kill();
    rmSync(folder, { recursive: true, force: true });
  };
  return { name, child, port, claims, lines, close, pairs: [] };
}

/** @returns the bytes of the heads of one exchange, as they are on the wire */
function weigh(port, path, line = '') {
  const request = `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n${line}${line && '\r\n'}\r\n`;
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1' });
    let answer = '';
    socket.setEncoding('latin1');
    socket.on('connect', () => socket.write(request, 'latin1'));
    socket.on('data', (data) => {
      answer += data;
      const end = answer.indexOf('\r\n\r\n');
      if (end < 0) return;
      socket.destroy();
      if (!answer.startsWith('HTTP/1.1 200')) reject(new Error(`refused: ${answer.slice(0, end)}`));
      resolve({ request: request.length, answer: end + 4 });
    });
    socket.on('error', reject);
  });
}

/** @returns for each name its figures at so many connections, and the bytes that a payment adds to request and answer */
export async function measureHttp(
  connections,
  { rounds = 5, names = Object.keys(servers), onProgress = () => {} },
) {
  const open = [];
  try {
    for (const name of names) {
      onProgress(`${connections} connections: ${name}`);
      open.push(await openServer(name, connections, rounds));
    }
    const bytes = {};
    for (const { name, port, lines } of open) {
      const free = await weigh(port, '/free');
      // The first of the first client, so that the others come in order.
      const paid = await weigh(port, '/paid', lines[0].shift());
      bytes[name] = { request: paid.request - free.request, answer: paid.answer - free.answer };
    }
    for (let round = 0; round <= rounds; round++) {
      onProgress(`${connections} connections: round ${round + 1}/${rounds + 1}`);
      for (const { child, port, claims, lines, pairs } of open) {
        const slice = lines.map((one) => one.slice(round * claims, (round + 1) * claims));
        // Free requests cost all of them the same.
        pairs.push(await measurePair(child, port, slice, servers['impuls-chain'][connections]));
      }
    }
    return Object.fromEntries(
      open.map(({ name, pairs }) => [name, { ...summarizePairs(pairs.slice(1)), bytes: bytes[name] }]),
    );
  } finally {
    for (const { close } of open) close();
  }
}
