import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { fillLedger } from '../../../test/support/full-ledger.js';
import { startPostgres } from '../../../test/support/postgres.js';
import { acceptClaim, at, giveBack } from '../../testing/cards.js';
import { auditLedger } from '../audit.js';
import { Inventorist, isSame, type LedgerContents } from '../moving/records.js';
import { openPostgresLedger } from '../postgres.js';
import { openSqliteLedger } from '../sqlite.js';
import { openSqliteContents } from '../sqlite/contents.js';
import { fillSqliteLedger } from '../sqlite/filling.js';
import { openConnections } from './connection.js';
import { postgresContents } from './contents.js';
import { Database } from './database.js';
import { fillPostgresLedger } from './filling.js';

const folder = mkdtempSync(join(tmpdir(), 'impuls-moving-'));
const server = await startPostgres();
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await server.close();
});

async function inventoryOf(contents: LedgerContents) {
  const inventorist = new Inventorist();
  for await (const record of contents.read()) inventorist.add(record);
  return inventorist.inventory;
}

async function fullFile(name: string) {
  const path = join(folder, name);
  const ledger = await openSqliteLedger({ path });
  const full = await fillLedger(ledger);
  const books = [await ledger.readBooks(), await ledger.totals(), await ledger.readBatches()];
  await ledger.close();
  return { full, books, contents: await openSqliteContents(path) };
}

/** The empty tables of a ledger. */
async function emptyDatabase() {
  const url = await server.createDatabase();
  await (await openPostgresLedger({ url })).close();
  const pool = await openConnections({ url });
  return { url, pool, database: new Database(pool, 'impuls') };
}

describe('the tables of a PostgreSQL ledger that are filled from another ledger', () => {
  it('hold all of it, go on from there, and can go back', async () => {
    const { full, books, contents } = await fullFile('whole.db');
    const { url, pool, database } = await emptyDatabase();
    const before = await inventoryOf(contents);
    await fillPostgresLedger(database, contents);
    contents.close();
    const moved = await postgresContents(pool, database);
    const after = await inventoryOf(moved);
    expect(after.counts).toEqual(before.counts);
    expect(isSame(after, before)).toBe(true);
    expect(moved.size).toBeGreaterThanOrEqual(50);

    const ledger = await openPostgresLedger({ url });
    expect([await ledger.readBooks(), await ledger.totals(), await ledger.readBatches()]).toEqual(books);
    const [card] = full.cards;
    expect((await ledger.findClaim(card!.id, full.settled[0]!))?.reply?.status).toBe(201);
    expect((await ledger.findIdempotent(card!.id, full.idempotency[0]!))?.tag).toBe(full.settled[0]);
    expect((await ledger.readCard(full.cards[5]!.id))?.held).toBe(true);
    const pending = (await ledger.findClaim(card!.id, full.pending[0]!))!;
    expect(pending.status).toBe('interrupted');
    expect(await giveBack(ledger, card!, pending, 0)).toBe(true);
    await acceptClaim(ledger, card!, 60, 5, { route: '/new' });
    expect(await ledger.createBatch({ label: '', items: [], created: at, expires: at + 1 })).toBe(2);
    const later = [await ledger.readBooks(), await ledger.totals(), await ledger.readBatches()];
    await ledger.close();

    const back = join(folder, 'back.db');
    const shown = await postgresContents(pool, database);
    expect(isSame(await fillSqliteLedger(back, shown), await inventoryOf(shown))).toBe(true);
    await pool.end();
    const file = await openSqliteLedger({ path: back });
    expect([await file.readBooks(), await file.totals(), await file.readBatches()]).toEqual(later);
    await file.close();
    expect((await auditLedger(back)).fault).toBeUndefined();
  });

  it('stay empty where it broke off, and are not filled twice', async () => {
    const { contents } = await fullFile('broken.db');
    const { pool, database } = await emptyDatabase();
    const broken: LedgerContents = {
      size: contents.size,
      async *read() {
        for await (const record of contents.read()) {
          if (record.kind === 'movement') throw new RangeError('the line is cut');
          yield record;
        }
      },
    };
    await expect(fillPostgresLedger(database, broken)).rejects.toMatchObject({ code: 'storage-failed' });
    expect((await inventoryOf(await postgresContents(pool, database))).counts).toEqual({ totals: 1 });
    await fillPostgresLedger(database, contents);
    await expect(fillPostgresLedger(database, contents)).rejects.toMatchObject({ code: 'invalid-argument' });
    contents.close();
    await pool.end();
  });
});
