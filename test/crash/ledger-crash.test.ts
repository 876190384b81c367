import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { deriveCard, readOpening } from '../../src/core/card.js';
import { openSqliteLedger } from '../../src/node/sqlite.js';
import type { Ledger } from '../../src/server/ledger.js';
import { createChoices } from '../../src/testing/suite.js';
import { brokenGroups } from '../support/journal-chain.js';
import { startChild } from './child.js';
import { replayJournal, type Replayed } from './journal-replay.js';

const folder = mkdtempSync(join(tmpdir(), 'impuls-crash-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** The cards of ledger-child.mjs, as they were opened. */
const cards = Array.from({ length: 8 }, (_, number) => {
  const kind = number % 2 ? ({ protocol: 'stream' } as const) : ({ protocol: 'chain' } as const);
  return readOpening(deriveCard(new Uint8Array(32).fill(number + 1), kind, 1 << 14).opening, 1 << 14);
});
const cardsById = new Map(cards.map((card) => [card.id, card]));

/** What the lines of a child confirm, by tag. */
type Confirmed = Map<string, { readonly card: string; kept?: number; word: string }>;

function addConfirmed(confirmed: Confirmed, lines: readonly string[]): void {
  for (const line of lines) {
    const [word, number, tag, kept] = line.split(' ') as [string, string, string, string?];
    if (word === 'failed') continue;
    const known = confirmed.get(tag) ?? { card: cards[Number(number)]!.id, word };
    confirmed.set(tag, { ...known, word, ...(kept === undefined ? {} : { kept: Number(kept) }) });
  }
}

/** Checks a ledger that nobody has open against what was confirmed and against its own journal. */
async function checkLedger(path: string, confirmed: Confirmed): Promise<void> {
  const replayed = replayJournal(path, cardsById);
  const ledger = await openSqliteLedger({ path });
  for (const { id } of cards) {
    const stored = await ledger.readCard(id);
    if (stored) expect(stored.state).toEqual(replayed.states.get(id));
  }
  for (const [tag, { card, word, kept }] of confirmed) {
    const claim = await ledger.findClaim(card, tag);
    expect(claim).toMatchObject(replayed.claims.get(tag)!);
    if (word === 'settle') expect(claim?.status).toBe('settled');
    if (word === 'give-back') expect(claim).toMatchObject({ kept, status: kept ? 'settled' : 'released' });
  }
  expect(await ledger.totals()).toMatchObject(replayed.totals);
  const books = await ledger.readBooks();
  const sumOf = (kind: string): [count: number, units: number] => {
    const sums = books.filter((sum) => sum.kind === kind);
    return [sums.reduce((sum, { count }) => sum + count, 0), sums.reduce((sum, { units }) => sum + units, 0)];
  };
  const { settled, pending } = replayed.totals.claims;
  expect(sumOf('spent')).toEqual([settled + pending, replayed.totals.spent]);
  const { cards: opened, units } = await ledger.totals();
  expect(sumOf('opened')).toEqual([opened, units]);
  await ledger.close();
  expect(brokenGroups(path)).toEqual([]);
}

async function runRounds(path: string, seed: number, rounds: number, maxUnfolded: number): Promise<void> {
  const choices = createChoices(seed);
  const confirmed: Confirmed = new Map();
  for (let round = 0; round < rounds; round++) {
    const child = startChild('ledger-child.mjs', [path, maxUnfolded, 1], {
      killAfter: 1 + choices.below(900),
    });
    const lines = await child.lines;
    expect(child.process.signalCode).toBe('SIGKILL');
    addConfirmed(confirmed, lines);
    if (round % 4 === 3) await checkLedger(path, confirmed);
  }
  await checkLedger(path, confirmed);
  expect(confirmed.size).toBeGreaterThan(rounds);
}

describe('the SQLite ledger', () => {
  it.each([
    [1, 8, 32_768],
    [2, 8, 40],
    [3, 4, 0],
  ])(
    'has every confirmed claim once after its process is killed at any moment (seed %i)',
    async (seed, rounds, maxUnfolded) =>
      runRounds(join(folder, `killed-${seed}.db`), seed, rounds, maxUnfolded),
  );

  it('refuses what it cannot write when the disk is full, keeps what it confirmed, and goes on with space', async () => {
    const path = join(folder, 'full.db');
    const confirmed: Confirmed = new Map();
    for (const maxUnfolded of [32_768, 20]) {
      const args = [path, maxUnfolded, 60];
      const child = startChild('ledger-child.mjs', args, { maxFileBytes: 1_500_000 });
      const lines = await child.lines;
      expect(child.process.exitCode).toBe(0);
      addConfirmed(confirmed, lines);
      const failures = lines.filter((line) => line.startsWith('failed'));
      expect(failures.length).toBeGreaterThanOrEqual(60);
      for (const line of failures) expect(line).toContain(' storage-failed ');
      await checkLedger(path, confirmed);
      checkLastRefusals(lines, replayJournal(path, cardsById));
    }
    await runRounds(path, 4, 1, 100);
  });

  it('opens with every earlier commit whatever becomes of the end of its write-ahead log', async () => {
    const path = join(folder, 'torn.db');
    const lines = await startChild('ledger-child.mjs', [path, 32_768, 1], { killAfter: 400 }).lines;
    const wal = readFileSync(`${path}-wal`);
    const choices = createChoices(5);
    // The last transaction is at most so long; what it confirmed may be lost, nothing before.
    const tail = 16 * 4120;
    const early: Confirmed = new Map();
    addConfirmed(early, lines.slice(0, 300));
    for (let round = 0; round < 12; round++) {
      const copy = join(folder, `torn-${round}.db`);
      copyFileSync(path, copy);
      const torn = Uint8Array.from(wal);
      const at = torn.length - 1 - choices.below(Math.min(tail, 8240));
      if (round % 2) torn.fill(choices.below(256), at);
      writeFileSync(`${copy}-wal`, round % 2 ? torn : torn.subarray(0, at));
      const ledger = await openSqliteLedger({ path: copy });
      expect(await countFound(ledger, early)).toBe(early.size);
      await ledger.close();
      await checkLedger(copy, new Map());
    }
  });

  it('is refused to a second process with a hint, and free when the first one is killed', async () => {
    const path = join(folder, 'shared.db');
    const owner = startChild('open-child.mjs', ['ledger', path]);
    expect(await owner.first).toBe('open');
    const [refusal] = await startChild('open-child.mjs', ['ledger', path]).lines;
    expect(refusal).toMatch(/^storage-locked Stop the other process/);
    await expect(openSqliteLedger({ path })).rejects.toMatchObject({ code: 'storage-locked' });
    owner.process.kill('SIGKILL');
    await owner.lines;
    await (await openSqliteLedger({ path })).close();
  });
});

/** What the ledger said of a card after refusing its last claim is what there is. */
function checkLastRefusals(lines: readonly string[], { states }: Replayed): void {
  for (const [number, { id }] of cards.entries()) {
    const last = lines.filter((line) => line.split(' ')[1] === String(number)).at(-1);
    const [word, , , spent] = last?.split(' ') ?? [];
    if (word === 'failed') expect(states.get(id)?.spent).toBe(Number(spent));
  }
}

async function countFound(ledger: Ledger, confirmed: Confirmed): Promise<number> {
  let found = 0;
  for (const [tag, { card }] of confirmed) if (await ledger.findClaim(card, tag)) found++;
  return found;
}
