import { randomBytes } from 'node:crypto';
import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { openSqliteLedger } from '../dist/node/sqlite.js';
import { median } from './load.mjs';

/** Durable claims on the SQLite ledger: how many a second from 64 callers, and whether many cards make it slower. */

export const callers = 64;
const active = 2000;

/**
 * @returns rates in claims a second, times in ms; `ratio` is the rate with many cards by that with few. With `syncsPerSecond`
 * of this disk now, `callers * syncsPerSecond` is what no ledger could pass.
 */
export async function run({ quick = false, folder = '.' } = {}) {
  const directory = await mkdtemp(join(resolve(folder), 'bench-ledger-'));
  const [few, many] = [1000, quick ? 100_000 : 1_000_000];
  const sliceMs = quick ? 300 : 1000;
  const slices = quick ? 3 : 5;
  try {
    const small = await prepare(join(directory, 'small.db'), few);
    const large = await prepare(join(directory, 'large.db'), many);
    const results = { small: [], large: [], uniform: [] };
    // In turns, so that whatever else the machine does meets them all.
    await measure(small, few, sliceMs);
    await measure(large, active, sliceMs);
    for (let i = 0; i < slices; i++) {
      results.small.push(await measure(small, few, sliceMs));
      results.large.push(await measure(large, active, sliceMs));
    }
    for (let i = 0; i < slices; i++) results.uniform.push(await measure(large, many, sliceMs));
    await small.ledger.close();
    await large.ledger.close();
    const [smallRate, largeRate] = [summary(results.small), summary(results.large)];
    return {
      callers,
      fewCards: few,
      few: smallRate,
      manyCards: many,
      activeCards: active,
      many: largeRate,
      ratio: median(results.large.map((slice, i) => slice.rate / results.small[i].rate)),
      uniform: summary(results.uniform),
      opensPerSecond: large.opensPerSecond,
      syncsPerSecond: measureSyncs(directory, sliceMs),
    };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function prepare(path, count) {
  const ledger = await openSqliteLedger({ path });
  // In the order of the index, which makes so many quick to insert; they are used in another.
  const ids = Array.from({ length: count }, () => randomBytes(16).toString('base64url')).sort();
  const began = performance.now();
  await openCards(ledger, ids);
  const opensPerSecond = (1000 * count) / (performance.now() - began);
  shuffle(ids);
  return { ledger, ids, opensPerSecond };
}

/** Opens cards of these ids, with 2^20 units each. */
export async function openCards(ledger, ids) {
  const scheme = new Uint8Array(randomBytes(12));
  for (let i = 0; i < ids.length; i += 10_000) {
    const opened = ids.slice(i, i + 10_000).map((id) => {
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
}

export function shuffle(values) {
  for (let i = values.length - 1; i > 0; i--) {
    const k = Math.floor(Math.random() * (i + 1));
    [values[i], values[k]] = [values[k], values[i]];
  }
}

/** What a claim is made of; that its proof holds is not the ledger's to know. */
const proofs = Array.from({ length: 1024 }, () => new Uint8Array(randomBytes(32)));
const key = new Uint8Array(randomBytes(32));
let tags = 0;

/** Claims of one unit from {@link callers} at once, for so many ms, on the first so many of the ids. */
export async function measure({ ledger, ids }, among, ms) {
  const times = [];
  const began = performance.now();
  const until = began + ms;
  await Promise.all(
    Array.from({ length: callers }, async () => {
      while (performance.now() < until) {
        const id = ids[Math.floor(Math.random() * among)];
        const start = performance.now();
        await claimUnit(ledger, id);
        times.push(performance.now() - start);
      }
    }),
  );
  const seconds = (performance.now() - began) / 1000;
  times.sort((a, b) => a - b);
  const at = (part) => times[Math.floor(times.length * part)];
  return { rate: times.length / seconds, p50: at(0.5), p99: at(0.99) };
}

async function claimUnit(ledger, id) {
  for (;;) {
    const { state, version } = await ledger.readCard(id);
    const end = state.top + 1;
    const proof = proofs[tags & 1023];
    const next = { units: state.units, spent: state.spent + 1, top: end, tip: proof, gaps: [] };
    const claim = {
      tag: (++tags).toString(36).padStart(22, 'A'),
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
  }
}

/** What the disk does alone: 32 KiB written over the same place and synced. */
function measureSyncs(directory, ms) {
  const file = openSync(join(directory, 'syncs'), 'w');
  const bytes = new Uint8Array(32_768);
  const began = performance.now();
  let syncs = 0;
  for (; performance.now() - began < ms; syncs++) {
    writeSync(file, bytes, 0, bytes.length, 0);
    fdatasyncSync(file);
  }
  closeSync(file);
  return (1000 * syncs) / ms;
}

function summary(slices) {
  const of = (name) => median(slices.map((slice) => slice[name]));
  return { rate: of('rate'), p50: of('p50'), p99: of('p99') };
}

if (process.argv[1] === import.meta.filename) {
  const result = await run({ quick: process.argv.includes('--quick'), folder: process.env.BENCH_FOLDER });
  const line = (name, { rate, p50, p99 }) =>
    console.log(`${name}: ${Math.round(rate)} claims/s, p50 ${p50.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms`);
  line(`${result.fewCards} cards`, result.few);
  line(`${result.manyCards} cards, ${result.activeCards} active`, result.many);
  line(`${result.manyCards} cards, all active`, result.uniform);
  console.log(`ratio ${result.ratio.toFixed(2)}; opening ${Math.round(result.opensPerSecond)} cards/s`);
  console.log(`the disk: ${Math.round(result.syncsPerSecond)} syncs/s`);
}
