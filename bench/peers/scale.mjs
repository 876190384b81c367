/**
 * What a claim costs as cards grow: one SQLite ledger that is filled step by step, and a small one that is asked in turns with it, so
 * that the ratio of the two is not that of two hours of the machine.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, statSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { openSqliteLedger } from '../../dist/node/sqlite.js';
import { measure, openCards, shuffle } from '../ledger.mjs';
import { median } from '../load.mjs';

const smallest = 1000;
const active = 2000;
/** Of all cards, evenly drawn: so many are used where all of them are said to be. */
const sampled = 100_000;

/** Ids in the order of the index, evenly over it. */
const orderedIds = (count) =>
  Array.from({ length: count }, (_, at) => {
    const bytes = randomBytes(16);
    bytes.writeUInt32BE(Math.floor((at / count) * 2 ** 32));
    return bytes.toString('base64url');
  });

async function fill(ledger, from, to, sample, onProgress) {
  const step = 500_000;
  for (let at = from; at < to; at += step) {
    const ids = orderedIds(Math.min(step, to - at));
    await openCards(ledger, ids);
    for (const id of ids) if (sample.length < sampled || Math.random() < sampled / to) sample.push(id);
    onProgress(`${Math.min(to, at + step).toLocaleString('en')} cards`);
  }
  shuffle(sample);
  sample.length = Math.min(sample.length, sampled);
}

const sizeOf = (folder) =>
  readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);

/** CPU of this process for a claim comes with the rate: what the disk does meanwhile is not in it. */
async function slice(target, among, ms) {
  const before = process.cpuUsage();
  const { rate, p50, p99 } = await measure(target, among, ms);
  const { user, system } = process.cpuUsage(before);
  return { rate, p50, p99, cpu: (user + system) / ((rate * ms) / 1000) };
}

/** @returns for each number of cards the rate, latency and CPU of a claim, by its ratio to the small ledger */
export async function measureScale({
  most = 10_000_000,
  quick = false,
  folder = '.',
  onProgress = () => {},
}) {
  const directory = mkdtempSync(join(resolve(folder), 'bench-scale-'));
  const ms = quick ? 200 : 1000;
  const slices = quick ? 3 : 5;
  const large = { ledger: undefined, ids: [] };
  try {
    const small = { ledger: await openSqliteLedger({ path: join(directory, 'small.db') }), ids: [] };
    await fill(small.ledger, 0, smallest, small.ids, () => {});
    const largeFolder = mkdtempSync(join(directory, 'large-'));
    large.ledger = await openSqliteLedger({ path: join(largeFolder, 'large.db') });
    const rows = [];
    let held = 0;
    for (let cards = smallest; cards <= most; cards *= 10) {
      await fill(large.ledger, held, cards, large.ids, onProgress);
      held = cards;
      await slice(small, smallest, ms);
      await slice(large, Math.min(active, cards), ms);
      const found = { base: [], few: [], all: [] };
      for (let i = 0; i < slices; i++) {
        found.base.push(await slice(small, smallest, ms));
        found.few.push(await slice(large, Math.min(active, cards), ms));
        found.all.push(await slice(large, large.ids.length, ms));
      }
      const of = (which, key) => Number(median(found[which].map((one) => one[key])).toPrecision(3));
      const times = (which) => median(found[which].map(({ cpu }, i) => cpu / found.base[i].cpu));
      rows.push({
        cards,
        perSecond: Math.round(of('few', 'rate')),
        microseconds: of('few', 'cpu'),
        p99: of('few', 'p99'),
        times: Number(times('few').toFixed(2)),
        allPerSecond: Math.round(of('all', 'rate')),
        allMicroseconds: of('all', 'cpu'),
        allTimes: Number(times('all').toFixed(2)),
        bytesOnDisk: Math.round(sizeOf(largeFolder) / cards),
        residentMegabytes: Math.round(process.memoryUsage().rss / 2 ** 20),
      });
      onProgress(`${cards.toLocaleString('en')} cards measured`, rows);
    }
    await small.ledger.close();
    await large.ledger.close();
    return rows;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
