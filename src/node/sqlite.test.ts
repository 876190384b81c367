import Database from 'better-sqlite3';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Ledger } from '../server/ledger.js';
import {
  acceptClaim,
  at,
  cardsOf,
  giveBack,
  makeCard,
  makeClaim,
  makeOrder,
  makeReply,
  openCard,
  stateAfter,
} from '../testing/cards.js';
import { openSqliteLedger } from './sqlite.js';

const folder = mkdtempSync(join(tmpdir(), 'impuls-sqlite-'));
afterAll(() => rmSync(folder, { recursive: true }));

let files = 0;
const newPath = () => join(folder, `${++files}.db`);

/** A closed ledger with a card and 50 claims in it. */
async function written(): Promise<string> {
  const path = newPath();
  const ledger = await openSqliteLedger({ path, maxUnfolded: 10 });
  const card = await openCard(ledger);
  for (let end = 1; end <= 50; end++) await acceptClaim(ledger, card, end, 1);
  await ledger.close();
  return path;
}

describe('the files of the SQLite ledger', () => {
  it('are for their owner only', async () => {
    const path = newPath();
    const ledger = await openSqliteLedger({ path });
    await openCard(ledger);
    const own = readdirSync(folder).filter((name) => join(folder, name).startsWith(path));
    expect(own).toHaveLength(4);
    for (const name of own) expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600);
    await ledger.close();
    chmodSync(path, 0o644);
    await (await openSqliteLedger({ path })).close();
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it('are refused and left untouched if something else lies there', async () => {
    const foreign = newPath();
    new Database(foreign).exec('CREATE TABLE notes (text TEXT)').close();
    const text = newPath();
    writeFileSync(text, 'not a database');
    const nothing = newPath();
    writeFileSync(nothing, '');
    const newer = await written();
    const raw = new Database(newer);
    raw.pragma('user_version = 99');
    raw.close();
    for (const path of [foreign, text, nothing, newer]) {
      const before = readFileSync(path);
      await expect(openSqliteLedger({ path })).rejects.toMatchObject({
        code: 'storage-corrupt',
        hint: expect.any(String),
      });
      expect(readFileSync(path).equals(before)).toBe(true);
    }
  });

  it('are refused and left untouched if they are damaged', async () => {
    const short = await written();
    truncateSync(short, 8192);
    const garbled = await written();
    writeFileSync(garbled, readFileSync(garbled).fill(0x55, 4096));
    for (const path of [short, garbled]) {
      const before = readFileSync(path);
      await expect(openSqliteLedger({ path })).rejects.toMatchObject({ code: 'storage-corrupt' });
      expect(readFileSync(path).equals(before)).toBe(true);
    }
  });

  it('are refused if a card is missing that something happened to', async () => {
    const path = newPath();
    const ledger = await openSqliteLedger({ path });
    await acceptClaim(ledger, await openCard(ledger), 1, 1);
    await ledger.close();
    new Database(path).exec('DELETE FROM cards').close();
    await expect(openSqliteLedger({ path })).rejects.toMatchObject({ code: 'storage-corrupt' });
  });

  it('are refused if a log is left of a ledger that is gone', async () => {
    const path = newPath();
    writeFileSync(`${path}-wal`, 'something');
    await expect(openSqliteLedger({ path })).rejects.toMatchObject({ code: 'storage-corrupt' });
    expect(existsSync(path)).toBe(false);
  });

  it('do not come to be where there is no folder', async () => {
    await expect(openSqliteLedger({ path: join(folder, 'none', 'ledger.db') })).rejects.toMatchObject({
      code: 'storage-failed',
      hint: expect.stringContaining('folder'),
    });
  });

  it('can be opened again after each of these refusals', async () => {
    const path = newPath();
    writeFileSync(path, 'not a database');
    await expect(openSqliteLedger({ path })).rejects.toMatchObject({ code: 'storage-corrupt' });
    rmSync(path);
    await (await openSqliteLedger({ path })).close();
  });

  it('hold the key of a payment once, however the payment went on', async () => {
    const path = newPath();
    const ledger = await openSqliteLedger({ path });
    const card = await openCard(ledger);
    const settled = await acceptClaim(ledger, card, 1, 1);
    await ledger.settle(card.id, settled.tag, makeReply());
    await giveBack(ledger, card, await acceptClaim(ledger, card, 3, 2), 1);
    await ledger.close();
    const raw = new Database(path);
    const rows = raw.prepare('SELECT kind, key IS NOT NULL AS key FROM journal ORDER BY seq').raw().all();
    raw.close();
    const [accepted, resolved, gaveBack, opened] = [
      [0, 1],
      [1, 0],
      [2, 0],
      [3, 0],
    ];
    expect(rows).toEqual([opened, accepted, resolved, accepted, gaveBack]);
  });

  it('take in what happened to a card that is paid from again and again, however much memory there is', async () => {
    const path = newPath();
    const ledger = await openSqliteLedger({ path });
    const [busy, idle] = [await openCard(ledger), await openCard(ledger)];
    await acceptClaim(ledger, idle, 1, 1);
    for (let end = 1; end <= 300; end++) await acceptClaim(ledger, busy, end, 1);
    const raw = new Database(path, { readonly: true });
    const folded = raw.prepare('SELECT count(*) FROM claims WHERE slot = ?').pluck();
    expect(folded.get(1)).toBeGreaterThanOrEqual(300 - 256);
    expect(folded.get(2)).toBe(0);
    raw.close();
    await ledger.close();
  });

  it('hold no key and no reply any more once those are purged', async () => {
    const path = newPath();
    const ledger = await openSqliteLedger({ path });
    const card = await openCard(ledger);
    const claim = makeClaim(card, 1, 1, { acceptedAt: 100 });
    const secret = { ...claim, key: new Uint8Array(32).map((_, i) => 7 * i + 3) };
    await ledger.accept(card.id, 0, stateAfter(card, card.state, claim)!, secret);
    await ledger.settle(card.id, claim.tag, makeReply('the secret answer'));
    const holds = (secretText: Buffer | string) =>
      [path, `${path}-wal`].some(
        (file) => existsSync(file) && readFileSync(file).includes(Buffer.from(secretText)),
      );
    expect(holds(Buffer.from(secret.key))).toBe(true);
    expect(holds('the secret answer')).toBe(true);
    await ledger.purge(200, 0);
    expect(holds(Buffer.from(secret.key))).toBe(false);
    expect(holds('the secret answer')).toBe(false);
    await ledger.close();
    expect(holds(Buffer.from(secret.key))).toBe(false);
  });
});

describe('a commit that fails', () => {
  /** Makes every commit fail, as somebody else writes to the file, until it is called. */
  function occupy(path: string): () => void {
    const other = new Database(path);
    other.exec('BEGIN IMMEDIATE');
    return () => void other.close();
  }

  async function snapshot(ledger: Ledger, id: string): Promise<unknown> {
    const stored = await ledger.readCard(id);
    return { state: stored?.state, totals: await ledger.totals(), books: await ledger.readBooks() };
  }

  it('rejects all that came with it, after which everything is as it was, and later calls succeed', async () => {
    const path = newPath();
    const ledger = await openSqliteLedger({ path });
    const card = await openCard(ledger);
    const held = await acceptClaim(ledger, card, 1, 1, { route: '/old' });
    const [order, other] = [makeOrder(), makeOrder()];
    await ledger.createOrders([order], at);
    const batch = await ledger.createBatch({ label: '', items: [], created: 1, expires: 2 });
    const before = await snapshot(ledger, card.id);
    const { state, version } = (await ledger.readCard(card.id))!;
    const claim = makeClaim(card, 2, 1, { route: '/new' });
    const fresh = makeCard();

    const leave = occupy(path);
    const calls = [
      ledger.accept(card.id, version, stateAfter(card, state, claim)!, claim),
      ledger.settle(card.id, held.tag),
      ledger.openCard(fresh.entry, fresh.state, at),
      ledger.createOrders([other], at),
      ledger.serveOrder(order.id, 'digest', [], cardsOf(order), at),
      ledger.changeOrders([order.id], 'void', at),
      ledger.quarantine([card.entry.keyId]),
      ledger.createBatch({ label: '', items: [], created: 1, expires: 2 }),
      ledger.addCodes(batch, 1, ['code']),
      ledger.purge(0, 0),
    ];
    for (const result of await Promise.allSettled(calls)) {
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'storage-failed' } });
    }
    leave();

    expect(await snapshot(ledger, card.id)).toEqual(before);
    expect(await ledger.findClaim(card.id, claim.tag)).toBeUndefined();
    expect((await ledger.findClaim(card.id, held.tag))?.status).toBe('pending');
    expect(await ledger.readCard(fresh.id)).toBeUndefined();
    expect(await ledger.readOrder(other.id)).toBeUndefined();
    expect(await ledger.readBatches()).toHaveLength(1);
    expect(await ledger.quarantined()).toEqual([]);
    expect(await ledger.addCodes(batch, 1, ['code'])).toBe(true);
    expect((await ledger.serveOrder(order.id, 'another', [], cardsOf(order), at)).status).toBe('served');
    await acceptClaim(ledger, card, 2, 1);
    await ledger.close();
    const again = await openSqliteLedger({ path });
    expect((await again.readCard(card.id))?.state.spent).toBe(2);
    await again.close();
  });

  it.each([
    ['folded', 0],
    ['replayed', 100],
  ])('never lets a version come back that somebody read of what was lost (%s)', async (_, maxUnfolded) => {
    const path = newPath();
    const ledger = await openSqliteLedger({ path, maxUnfolded });
    const card = await openCard(ledger);
    await acceptClaim(ledger, card, 2, 1);
    const { state, version } = (await ledger.readCard(card.id))!;
    const lost = makeClaim(card, 5, 3);
    const leave = occupy(path);
    const accepting = ledger.accept(card.id, version, stateAfter(card, state, lost)!, lost);
    const hoped = (await ledger.readCard(card.id))!;
    await expect(accepting).rejects.toMatchObject({ code: 'storage-failed' });
    leave();
    await acceptClaim(ledger, card, 3, 1);
    const late = makeClaim(card, 6, 1);
    const next = stateAfter(card, hoped.state, late)!;
    for (let step = 0; step < 3; step++) {
      expect(await ledger.accept(card.id, hoped.version, next, late)).toBe(false);
      await acceptClaim(ledger, card, 4 + step, 1);
    }
    expect((await ledger.readCard(card.id))?.state.spent).toBe(5);
    await ledger.close();
  });

  it('that leaves nothing to go on with has every later call refused', async () => {
    const path = newPath();
    const ledger = await openSqliteLedger({ path });
    const card = await openCard(ledger);
    new Database(path).exec('DROP TABLE cards; DROP TABLE journal').close();
    await expect(ledger.readCard('another')).rejects.toMatchObject({ code: 'storage-failed' });
    const claim = makeClaim(card, 1, 1);
    const accepting = ledger.accept(card.id, 0, stateAfter(card, card.state, claim)!, claim);
    await expect(accepting).rejects.toMatchObject({ code: 'storage-failed' });
    const hint = expect.stringContaining('Restart') as string;
    await expect(ledger.readCard(card.id)).rejects.toMatchObject({ code: 'storage-failed', hint });
    await expect(ledger.totals()).rejects.toMatchObject({ code: 'storage-failed', hint });
    await ledger.close();
  });
});

describe('reading while something is on its way to the disk', () => {
  it('shows a card as it will be, and a claim only once it is durable', async () => {
    const path = newPath();
    const ledger = await openSqliteLedger({ path });
    const card = await openCard(ledger);
    const claim = makeClaim(card, 1, 1);
    let durable = false;
    const accepting = ledger
      .accept(card.id, 0, stateAfter(card, card.state, claim)!, claim)
      .then(() => (durable = true));
    expect((await ledger.readCard(card.id))?.state.spent).toBe(1);
    expect(durable).toBe(false);
    expect(await ledger.findClaim(card.id, claim.tag)).toEqual(claim);
    expect(durable).toBe(true);
    await accepting;
    await ledger.close();
    await ledger.close();
  });
});
