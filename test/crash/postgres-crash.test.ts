import { afterAll, describe, expect, it } from 'vitest';
import { deriveCard, readOpening } from '../../src/core/card.js';
import { openPostgresLedger } from '../../src/node/postgres.js';
import { startPostgres } from '../support/postgres.js';
import { startChild, type Child } from './child.js';

const server = await startPostgres();
afterAll(() => server.close());

/** The cards of ledger-child.mjs. */
const ids = Array.from({ length: 8 }, (_, number) => {
  const kind = number % 2 ? ({ protocol: 'stream' } as const) : ({ protocol: 'chain' } as const);
  return readOpening(deriveCard(new Uint8Array(32).fill(number + 1), kind, 1 << 14).opening, 1 << 14).id;
});

const leaseSeconds = 1;

/** Pays from the same cards as every other one of them, and ends when it is killed. */
function startPayer(url: string, killAfter?: number): Child {
  return startChild(
    'ledger-child.mjs',
    [url, leaseSeconds, 1e9],
    killAfter === undefined ? {} : { killAfter },
  );
}

interface Stored {
  readonly card: string;
  readonly tag: string;
  readonly upto: number;
  readonly units: number;
  readonly kept: number;
  readonly status: number;
}

/** Checks what is in the database against what was confirmed, and against itself. */
async function checkLedger(url: string, lines: readonly string[]): Promise<void> {
  const database = new URL(url).pathname.slice(1);
  const claims = (
    await server.query('SELECT card, tag, upto, units, kept, status FROM impuls.claims', database)
  ).map((row): Stored => {
    const { card, tag, upto, units, kept, status } = row as Record<keyof Stored, string>;
    return {
      card,
      tag,
      upto: Number(upto),
      units: Number(units),
      kept: Number(kept),
      status: Number(status),
    };
  });
  const byTag = new Map(claims.map((claim) => [claim.tag, claim]));
  expect(byTag.size).toBe(claims.length);
  for (const line of lines) {
    const [word, number, tag, kept] = line.split(' ') as [string, string, string, string?];
    if (word === 'failed') continue;
    const claim = byTag.get(tag);
    expect(claim?.card).toBe(ids[Number(number)]);
    if (word === 'settle') expect(claim?.status).toBe(1);
    if (word === 'give-back')
      expect(claim).toMatchObject({ kept: Number(kept), status: Number(kept) ? 1 : 2 });
  }
  const ledger = await openPostgresLedger({ url });
  for (const [number, id] of ids.entries()) {
    const held = claims.filter((claim) => claim.card === id && claim.kept > 0);
    const units = held.flatMap(({ upto, units: asked, kept }) =>
      number % 2 ? [upto] : Array.from({ length: kept }, (_, i) => upto - asked + 1 + i),
    );
    expect(new Set(units).size, 'no unit twice').toBe(units.length);
    const stored = await ledger.readCard(id);
    expect(stored?.state.spent).toBe(held.reduce((sum, { kept }) => sum + kept, 0));
  }
  const count = (status: number): number => claims.filter((claim) => claim.status === status).length;
  const spent = claims.reduce((sum, { kept }) => sum + kept, 0);
  expect(await ledger.totals()).toMatchObject({
    cards: ids.length,
    spent,
    claims: { pending: count(0), settled: count(1), released: count(2) },
  });
  const booked = (await ledger.readBooks()).filter(({ kind }) => kind === 'spent');
  expect(booked.reduce((sum, { units }) => sum + units, 0)).toBe(spent);
  await ledger.close();
}

describe('the PostgreSQL ledger', () => {
  it('has every confirmed claim once when processes that share it are killed at any moment', async () => {
    const url = await server.createDatabase();
    const payers = [startPayer(url, 200), startPayer(url, 350)];
    const lines = (await Promise.all(payers.map((payer) => payer.lines))).flat();
    await checkLedger(url, lines);
    // What they left pending is interrupted once their leases are over.
    const ledger = await openPostgresLedger({ url });
    const pending = lines.filter((line) => line.startsWith('accept')).map((line) => line.split(' '));
    for (const [, number, tag] of pending.slice(-10)) {
      for (;;) {
        const claim = await ledger.findClaim(ids[Number(number)]!, tag!);
        if (claim?.status !== 'pending') break;
      }
    }
    await ledger.close();
  });

  it('has every confirmed claim once when the database crashes under two processes, which go on after it', async () => {
    const url = await server.createDatabase();
    const payers = [startPayer(url), startPayer(url)];
    const said = async (word: string, times: number): Promise<void> => {
      await Promise.all(payers.map((payer) => payer.says(word, times)));
    };
    await said('accept', 50);
    await server.stop('immediate');
    await server.start();
    await said('accept', 50);
    await server.kill();
    await server.start();
    await said('accept', 50);
    for (const { process } of payers) process.kill('SIGKILL');
    const lines = (await Promise.all(payers.map((payer) => payer.lines))).flat();
    expect(lines.filter((line) => line.startsWith('failed')).length).toBeGreaterThan(0);
    await checkLedger(url, lines);
  });
});
