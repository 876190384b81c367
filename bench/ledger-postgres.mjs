import { fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { openPostgresLedger } from '../dist/node/postgres.js';

/**
 * Durable claims on the PostgreSQL ledger: how many a second from 64 callers of one process, and of two that share a database.
 * Cards are drawn at random from `--active` of them (default 2,000), which are in memory when it begins. The database is that of
 * `--url`, or one that the test support starts on this disk, which is then deleted.
 */

const callers = 64;

/** @returns rates in claims a second, times in ms; `cpu` in microseconds of a vendor's process a claim */
export async function run({
  quick = false,
  url,
  cards: count = quick ? 4_000 : 100_000,
  active = 2_000,
  seconds = quick ? 1 : 5,
} = {}) {
  const server = url === undefined ? await startServer() : undefined;
  try {
    const database = url ?? (await server.createDatabase());
    const ledger = await openPostgresLedger({ url: database });
    const ids = (await openCards(ledger, count)).slice(0, active);
    await ledger.close();
    const results = { one: [], two: [] };
    await inProcesses(database, 1, ids, 1);
    for (let round = 0; round < 3; round++) {
      results.one.push(await inProcesses(database, 1, ids, seconds));
      results.two.push(await inProcesses(database, 2, ids, seconds));
    }
    const [one, two] = [summary(results.one), summary(results.two)];
    return {
      callers,
      cards: count,
      active,
      one,
      two,
      ratio: median(results.two.map(({ rate }, i) => rate / results.one[i].rate)),
    };
  } finally {
    await server?.close();
  }
}

async function startServer() {
  const { bundle } = await import('../tools/run-ts.mjs');
  const support = fileURLToPath(new URL('../test/support/postgres.ts', import.meta.url));
  const { startPostgres } = await import(await bundle(support));
  return startPostgres({
    folder: process.env.BENCH_FOLDER ?? '/var/tmp',
    settings: { shared_buffers: '512MB', max_wal_size: '4GB' },
  });
}

async function openCards(ledger, count) {
  const scheme = new Uint8Array(randomBytes(12));
  const ids = Array.from({ length: count }, () => randomBytes(16).toString('base64url'));
  for (let i = 0; i < count; i += 5_000) {
    const opened = ids.slice(i, i + 5_000).map((id) => {
      const [message, master] = [new Uint8Array(randomBytes(32)), new Uint8Array(randomBytes(32))];
      const entry = { id, message, keyId: 'k'.repeat(22), master, protocol: 'chain', scheme, expires: 2e9 };
      return ledger.openCard(
        entry,
        { units: 1 << 20, spent: 0, top: 0, tip: message, gaps: [] },
        1_800_000_000,
      );
    });
    await Promise.all(opened);
  }
  return ids;
}

/** Each process pays from cards of its own, as wallets that stay with a server do. */
async function inProcesses(url, processes, ids, seconds) {
  const children = Array.from({ length: processes }, (_, i) =>
    fork(import.meta.filename, ['--child', url, String(seconds), String(callers / processes)], {
      serialization: 'advanced',
    }).on('spawn', function () {
      this.send(ids.filter((_id, at) => at % processes === i));
    }),
  );
  await Promise.all(children.map((child) => once(child, 'message')));
  for (const child of children) child.send('go');
  const results = await Promise.all(children.map(async (child) => (await once(child, 'message'))[0]));
  const claims = results.reduce((sum, { times }) => sum + times.length, 0);
  const times = Float64Array.from(results.flatMap((result) => [...result.times])).sort();
  const at = (part) => times[Math.floor(times.length * part)];
  return {
    rate: results.reduce((sum, result) => sum + result.times.length / result.seconds, 0),
    p50: at(0.5),
    p99: at(0.99),
    cpu: results.reduce((sum, { cpu }) => sum + cpu, 0) / claims,
  };
}

async function runChild(url, seconds, own) {
  const [ids] = await once(process, 'message');
  const ledger = await openPostgresLedger({ url });
  // A vendor has the cards in memory that pay it all the time.
  await Promise.all(ids.map((id) => ledger.recallCard(id)));
  const go = once(process, 'message');
  process.send('ready');
  await go;
  const times = [];
  const used = process.cpuUsage();
  const began = performance.now();
  const until = began + 1000 * seconds;
  await Promise.all(
    Array.from({ length: own }, async () => {
      while (performance.now() < until) {
        const start = performance.now();
        await claimUnit(ledger, ids[Math.floor(Math.random() * ids.length)]);
        times.push(performance.now() - start);
      }
    }),
  );
  const { user, system } = process.cpuUsage(used);
  const took = (performance.now() - began) / 1000;
  await ledger.close();
  process.send({ times: Float64Array.from(times), seconds: took, cpu: user + system });
}

/** What a claim is made of; that its proof holds is not the ledger's to know. */
const proofs = Array.from({ length: 1024 }, () => new Uint8Array(randomBytes(32)));
const key = new Uint8Array(randomBytes(32));
const prefix = randomBytes(8).toString('base64url');
let tags = 0;

async function claimUnit(ledger, id) {
  let stored = await ledger.recallCard(id);
  for (;;) {
    const { state, version } = stored;
    const end = state.top + 1;
    const proof = proofs[tags & 1023];
    const next = { units: state.units, spent: state.spent + 1, top: end, tip: proof, gaps: [] };
    const claim = {
      tag: prefix + (++tags).toString(36).padStart(11, 'A'),
      end,
      units: 1,
      kept: 1,
      proof,
      route: '/articles/{id}',
      status: 'pending',
      safe: true,
      key,
      acceptedAt: 1_800_000_000,
      challengeExpires: 1_800_000_300,
    };
    if (await ledger.accept(id, version, next, claim)) return;
    stored = await ledger.readCard(id);
  }
}

function summary(slices) {
  const of = (name) => median(slices.map((slice) => slice[name]));
  return { rate: of('rate'), p50: of('p50'), p99: of('p99'), cpu: of('cpu') };
}

function median(values) {
  return [...values].sort((a, b) => a - b)[values.length >> 1];
}

if (process.argv[2] === '--child')
  await runChild(process.argv[3], Number(process.argv[4]), Number(process.argv[5]));
else if (process.argv[1] === import.meta.filename) {
  const { values } = parseArgs({
    options: { quick: { type: 'boolean' }, url: { type: 'string' }, active: { type: 'string' } },
  });
  const { quick, url, active } = values;
  const result = await run({ quick, url, active: active && Number(active) });
  const line = (name, { rate, p50, p99, cpu }) =>
    console.log(
      `${name}: ${Math.round(rate)} claims/s, p50 ${p50.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms, ${cpu.toFixed(1)} us of vendor CPU a claim`,
    );
  line('one process', result.one);
  line('two processes', result.two);
  console.log(
    `${result.cards} cards, ${result.active} active, ${result.callers} callers in all; two by one ${result.ratio.toFixed(2)}`,
  );
}
