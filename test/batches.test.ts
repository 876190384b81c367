import fc from 'fast-check';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { openSqliteLedger } from '../src/node/sqlite.js';
import type { Batch, CodeRun, Ledger } from '../src/server/ledger.js';
import { createMemoryLedger } from '../src/server/ledger-memory.js';

/** The life of batches, told by fast-check, in a ledger and in plain arrays. */

const folder = mkdtempSync(join(tmpdir(), 'impuls-batches-'));
afterAll(() => rmSync(folder, { recursive: true }));

type Kind = CodeRun['state'];

interface ModelBatch {
  readonly number: number;
  readonly codes: Array<{ readonly id: string; state: Kind; digest?: string }>;
}

interface Model {
  readonly batches: ModelBatch[];
  made: number;
}

interface Real {
  ledger: Ledger;
  readonly reopen: (ledger: Ledger) => Promise<Ledger>;
}

type Step = (model: Model, real: Real) => Promise<void>;

const terms = { items: [{ denomination: 100, count: 1 }], created: 1_800_000_000, expires: 1_900_000_000 };
const cards = [{ key: 'key', units: 100 }];
const signatures = (digest: string): Uint8Array[] => [new Uint8Array(384).fill(digest.length)];

const batchOf = ({ batches }: Model, pick: number): ModelBatch | undefined => batches[pick % batches.length];

const create = (label: string): Step =>
  async function (model, { ledger }) {
    model.batches.push({ number: await ledger.createBatch({ ...terms, label }), codes: [] });
  };

const add = (pick: number, count: number, slip: number): Step =>
  async function (model, { ledger }) {
    const batch = batchOf(model, pick);
    if (!batch) return;
    const ids = Array.from({ length: count }, () => `id ${++model.made}`);
    const first = batch.codes.length + 1 + slip;
    expect(await ledger.addCodes(batch.number, first, ids)).toBe(slip === 0);
    if (slip === 0) batch.codes.push(...ids.map((id) => ({ id, state: 'printed' as const })));
  };

const change = (pick: number, from: number, to: number, next: 'active' | 'void'): Step =>
  async function (model, { ledger }) {
    const batch = batchOf(model, pick);
    if (!batch) return;
    const named = batch.codes.filter((_, i) => from <= i + 1 && i + 1 <= to);
    const moved = named.filter(({ state }) => state === 'printed' || (state === 'active' && next === 'void'));
    expect(await ledger.changeCodes(batch.number, from, to, next, terms.created)).toBe(moved.length);
    for (const code of moved) code.state = next;
  };

const serve = (pick: number, serial: number, digest: string): Step =>
  async function (model, { ledger }) {
    const code = batchOf(model, pick)?.codes[serial];
    if (!code) return;
    const result = await ledger.serveOrder(code.id, digest, signatures(digest), cards, terms.created);
    if (code.state === 'active') {
      expect(result).toEqual({ status: 'served', signatures: signatures(digest) });
      Object.assign(code, { state: 'redeemed', digest });
    } else if (code.digest === undefined) expect(result).toEqual({ status: 'unknown' });
    else if (code.digest !== digest) expect(result).toEqual({ status: 'different' });
    else expect(result).toEqual({ status: 'repeated', signatures: signatures(digest) });
  };

const reopen: Step = async (_, real) => {
  real.ledger = await real.reopen(real.ledger);
};

const compare: Step = async ({ batches }, { ledger }) => {
  const counts = ({ codes }: ModelBatch): Batch['codes'] => {
    const count = (kind: Kind): number => codes.filter(({ state }) => state === kind).length;
    return {
      printed: count('printed'),
      active: count('active'),
      void: count('void'),
      redeemed: count('redeemed'),
    };
  };
  const found = await ledger.readBatches();
  expect(found.map(({ number, codes }) => ({ number, codes }))).toEqual(
    batches.map((batch) => ({ number: batch.number, codes: counts(batch) })),
  );
  for (const { number, codes } of batches) {
    const runs = await ledger.readCodes(number, 1, codes.length);
    const states = runs.flatMap(({ from, to, state }) => Array<Kind>(to - from + 1).fill(state));
    expect(states).toEqual(codes.map(({ state }) => state));
    expect(runs.every(({ state }, i) => state !== runs[i + 1]?.state)).toBe(true);
  }
  const all = batches.flatMap(({ codes }) => codes);
  const { orders, ordersServed } = await ledger.totals();
  const redeemed = all.filter(({ state }) => state === 'redeemed').length;
  expect([orders, ordersServed]).toEqual([all.length, redeemed]);
};

const pick = fc.nat(20);
const serial = fc.nat(14);
const next = fc.constantFrom('active' as const, 'void' as const);
const digest = fc.constantFrom('one', 'other');

const steps = fc.oneof(
  fc.string({ maxLength: 8 }).map(create),
  fc.tuple(pick, fc.integer({ min: 0, max: 6 }), fc.constantFrom(0, 0, 0, 1, -1)).map((a) => add(...a)),
  fc.tuple(pick, serial, serial, next).map((a) => change(...a)),
  fc.tuple(pick, serial, digest).map((a) => serve(...a)),
  fc.tuple(pick, serial, digest).map((a) => serve(...a)),
  fc.constant(compare),
  fc.constant(reopen),
);

let files = 0;
const paths = new WeakMap<Ledger, string>();
const openAt = async (path: string): Promise<Ledger> => {
  const ledger = await openSqliteLedger({ path });
  paths.set(ledger, path);
  return ledger;
};

const ledgers: Array<[string, () => Promise<Ledger>, Real['reopen'], number]> = [
  ['memory', async () => createMemoryLedger(), async (ledger) => ledger, 200],
  [
    'SQLite',
    () => openAt(join(folder, `${++files}.db`)),
    async (ledger) => {
      await ledger.close();
      return openAt(paths.get(ledger)!);
    },
    40,
  ],
];

describe.each(ledgers)('the batches of a ledger in %s', (_, open, reopenLedger, numRuns) => {
  it('live as in plain arrays: codes go from printed to active to redeemed, or void, and never back', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(steps, { maxLength: 40 }), async (story) => {
        const model: Model = { batches: [], made: 0 };
        const real: Real = { ledger: await open(), reopen: reopenLedger };
        for (const step of [create(''), add(0, 6, 0), ...story, compare, reopen, compare]) {
          await step(model, real);
        }
        await real.ledger.close();
      }),
      { numRuns },
    );
  });
});
