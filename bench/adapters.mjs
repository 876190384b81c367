/**
 * What an adapter adds to the bare gate. Each framework serves the same 1 KiB of JSON free and paid, in turns; what a payment costs it is
 * the server's CPU for a paid request less that for a free one. The adapter's overhead is that cost over the bare gate's on `node:http`, as
 * a share of the whole paid request there. Every payment is durable in SQLite before it is answered.
 */
import { fork } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { ask, measure, median } from './load.mjs';

export async function run({ quick = false, clients = 16 } = {}) {
  const rounds = quick ? 3 : 9;
  const claims = quick ? 60 : 120;
  const folder = mkdtempSync(join(tmpdir(), 'impuls-bench-'));
  const program = fileURLToPath(new URL('adapters-server.mjs', import.meta.url));
  const total = claims * (rounds + 1) * 5;
  const child = fork(program, [folder, String(clients), String(total)]);
  const { ready: ports } = await new Promise((resolve) => child.once('message', resolve));
  const tokens = JSON.parse(readFileSync(join(folder, 'tokens.json'), 'utf8'));
  const request = (path, more = '') => `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n${more}\r\n`;
  const free = tokens.map(() => Array(claims).fill(request('/free')));
  let used = 0;
  const paid = () => {
    const from = used;
    used += claims;
    return tokens.map((lines) =>
      lines.slice(from, used).map((line) => request('/paid', `Authorization: ${line}\r\n`)),
    );
  };
  const figures = Object.fromEntries(Object.keys(ports).map((name) => [name, { free: [], paid: [] }]));
  for (let round = 0; round <= rounds; round++) {
    for (const [name, port] of Object.entries(ports)) {
      const a = await measure(child, port, free);
      const b = await measure(child, port, paid());
      // The first round warms up.
      if (round === 0) continue;
      figures[name].free.push(a.serverMicroseconds);
      figures[name].paid.push(b.serverMicroseconds);
    }
  }
  const { spent } = await ask(child, 'stop');
  rmSync(folder, { recursive: true, force: true });
  if (spent !== clients * total)
    throw new Error(`the ledger charged ${spent} units for ${clients * total} requests`);
  const costs = (name) => figures[name].paid.map((cpu, round) => cpu - figures[name].free[round]);
  const gate = costs('node:http');
  return Object.fromEntries(
    Object.keys(ports).map((name) => {
      const added = costs(name).map((cost, round) => cost - gate[round]);
      const whole = figures[name].paid;
      return [
        name,
        {
          freeMicroseconds: Number(median(figures[name].free).toFixed(1)),
          paidMicroseconds: Number(median(whole).toFixed(1)),
          overhead: Number(median(added.map((cpu, round) => cpu / whole[round])).toFixed(3)),
        },
      ];
    }),
  );
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  console.table(await run({ quick: process.argv.includes('--quick') }));
}
