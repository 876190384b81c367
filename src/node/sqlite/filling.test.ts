import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { fillLedger } from '../../../test/support/full-ledger.js';
import { acceptClaim, at, giveBack, makeCard } from '../../testing/cards.js';
import { auditLedger } from '../audit.js';
import { Inventorist, isSame, type LedgerContents } from '../moving/records.js';
import { openSqliteLedger } from '../sqlite.js';
import { openSqliteContents } from './contents.js';
import { fillSqliteLedger } from './filling.js';

const folder = mkdtempSync(join(tmpdir(), 'impuls-filling-'));
afterAll(() => rmSync(folder, { recursive: true }));

let files = 0;
const newPath = (): string => join(folder, `${++files}.db`);

async function inventoryOf(contents: LedgerContents) {
  const inventorist = new Inventorist();
  for await (const record of contents.read()) inventorist.add(record);
  return inventorist.inventory;
}

async function fullFile() {
  const path = newPath();
  const ledger = await openSqliteLedger({ path, maxUnfolded: 7 });
  const full = await fillLedger(ledger);
  const later = makeCard();
  await ledger.openCard(later.entry, later.state, at + 10 * 86_400);
  const [books, totals, batches] = [
    await ledger.readBooks(),
    await ledger.totals(),
    await ledger.readBatches(),
  ];
  await ledger.close();
  return { path, full, books, totals, batches };
}

describe('a SQLite ledger that is made of what another ledger holds', () => {
  it('holds all of it, and goes on from there', async () => {
    const { path, full, books, totals, batches } = await fullFile();
    const contents = await openSqliteContents(path);
    const before = await inventoryOf(contents);
    const copy = newPath();
    expect(await fillSqliteLedger(copy, contents)).toEqual(before);
    contents.close();
    const again = await openSqliteContents(copy);
    expect(isSame(await inventoryOf(again), before)).toBe(true);
    again.close();
    expect(before.counts).toMatchObject({ card: 7, claim: 32, batch: 1, order: 9, quarantine: 1, totals: 1 });

    const ledger = await openSqliteLedger({ path: copy });
    expect(await ledger.readBooks()).toEqual(books);
    expect(await ledger.totals()).toEqual(totals);
    expect(await ledger.readBatches()).toEqual(batches);
    const [card] = full.cards;
    expect((await ledger.findClaim(card!.id, full.settled[0]!))?.reply?.status).toBe(201);
    expect((await ledger.findIdempotent(card!.id, full.idempotency[0]!))?.tag).toBe(full.settled[0]);
    expect((await ledger.findHolder(card!.id, 38, 39))?.tag).toBe(full.pending[0]);
    expect((await ledger.readOrder(full.served))?.served?.digest).toBe('digest');
    expect((await ledger.readCard(full.cards[5]!.id))?.held).toBe(true);
    const pending = (await ledger.findClaim(card!.id, full.pending[0]!))!;
    expect(pending.status).toBe('interrupted');
    expect(await giveBack(ledger, card!, pending, 0)).toBe(true);
    await acceptClaim(ledger, card!, 60, 5);
    await ledger.purge(at + 1, at - 1);
    expect((await ledger.findClaim(card!.id, full.settled[0]!))?.key).toBeUndefined();
    await ledger.close();
  });

  it('passes an audit, before and after it went on', async () => {
    const { path, full } = await fullFile();
    const contents = await openSqliteContents(path);
    const copy = newPath();
    await fillSqliteLedger(copy, contents);
    contents.close();
    const { fault, cards } = await auditLedger(copy);
    expect([fault, cards]).toEqual([undefined, 7]);
    const ledger = await openSqliteLedger({ path: copy });
    const pending = (await ledger.findClaim(full.cards[0]!.id, full.pending[0]!))!;
    await giveBack(ledger, full.cards[0]!, pending, 1);
    const acceptedAt = at + 20 * 86_400;
    await acceptClaim(ledger, full.cards[2]!, 70, 7, { route: '/new', acceptedAt });
    const late = makeCard();
    await ledger.openCard(late.entry, late.state, acceptedAt);
    await ledger.close();
    expect((await auditLedger(copy)).fault).toBeUndefined();
  });

  it('leaves nothing behind where it could not be made', async () => {
    const { path } = await fullFile();
    const contents = await openSqliteContents(path);
    const broken: LedgerContents = {
      size: contents.size,
      async *read() {
        for await (const record of contents.read()) {
          if (record.kind === 'movement') throw new RangeError('the line is cut');
          yield record;
        }
      },
    };
    const copy = newPath();
    await expect(fillSqliteLedger(copy, broken)).rejects.toMatchObject({ code: 'storage-failed' });
    contents.close();
    expect(existsSync(copy)).toBe(false);
  });

  it('tells by the inventory that one unit is another', async () => {
    const { path } = await fullFile();
    const contents = await openSqliteContents(path);
    const before = await inventoryOf(contents);
    const altered: LedgerContents = {
      size: contents.size,
      async *read() {
        for await (const record of contents.read()) {
          if (record.kind !== 'card') yield record;
          else yield { kind: 'card', card: { ...record.card, version: record.card.version + 1 } };
        }
      },
    };
    expect(isSame(await inventoryOf(altered), before)).toBe(false);
    contents.close();
  });
});
