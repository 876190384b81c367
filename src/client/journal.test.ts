import { describe, expect, it } from 'vitest';
import { deriveCard, type CardId } from '../core/card.js';
import type { CardReport } from '../core/receipt.js';
import type { CreditRecord } from './credit-record.js';
import { Journal } from './journal.js';
import type { CardRecord, ClaimRecord, OrderRecord } from './records.js';
import { createMemoryStorage, type WalletStorage } from './storage.js';
import type { Payment } from './summary.js';

const bytes = (length: number, fill: number) => new Uint8Array(length).fill(fill);

function makeCard(seed: number, units = 100): [CardId, CardRecord] {
  const record: CardRecord = {
    vendor: 'https://a.example',
    protocol: 'chain',
    key: 'AAAAAAAAAAAAAAAAAAAAAA',
    units,
    expires: 1_900_000_000,
    seed: bytes(32, seed),
    randomizer: bytes(32, 2),
    signature: bytes(384, 3),
  };
  return [deriveCard(record.seed, record, units).id, record];
}

const [id, card] = makeCard(1);
const [otherId, otherCard] = makeCard(2);

const claimOf = (end: number, units: number, more: Partial<ClaimRecord> = {}): ClaimRecord => ({
  card: id,
  end,
  units,
  nonce: bytes(16, 5),
  method: 'GET',
  url: 'https://a.example/x',
  headers: [],
  challenge: { id: 'i', realm: 'r', method: 'impuls', intent: 'session', request: 'e30' },
  ...more,
});

const paymentOf = (units: number, more: Partial<Payment> = {}): Payment => ({
  time: 1,
  method: 'GET',
  url: 'https://a.example/x',
  units,
  worth: '0.001 EUR',
  reference: 'r',
  fingerprint: 'f',
  card: id,
  vendor: 'https://a.example',
  protocol: 'chain',
  end: units,
  verdict: 'accepted',
  ...more,
});

const order: OrderRecord = {
  vendor: 'https://a.example',
  code: 'code',
  items: [
    {
      protocol: 'chain',
      key: 'AAAAAAAAAAAAAAAAAAAAAA',
      seed: bytes(32, 1),
      randomizer: bytes(32, 2),
      blinded: bytes(384, 3),
      inverse: bytes(384, 4),
    },
  ],
};

const credit: CreditRecord = {
  protocol: 'chain',
  vendor: 'https://a.example',
  code: 'code',
  purpose: 'refund',
  cards: [id],
  units: 5,
  paid: 0,
  into: [],
  begun: 1,
};

/** All that a journal says. */
function sayAll(journal: Journal) {
  return {
    vendor: journal.vendor('https://a.example'),
    orders: journal.orders(),
    credits: journal.credits(),
    cards: journal.cards(),
    claims: journal.claims(),
    payments: journal.payments(),
    kept: journal.keptAt('https://a.example/x'),
  };
}

async function open(records = new Map<string, string>()) {
  const storage = createMemoryStorage(records);
  const journal = new Journal(storage);
  await journal.load();
  /** What is durable says the same as what is in memory. */
  const check = async () => {
    await journal.flush();
    const again = new Journal(createMemoryStorage(new Map(records)));
    await again.load();
    const [said, read] = [sayAll(journal), sayAll(again)];
    const byName = (one: readonly [string, unknown], other: readonly [string, unknown]) =>
      one[0] < other[0] ? -1 : 1;
    for (const all of [said, read]) {
      all.claims.sort(byName);
      all.orders.sort(byName);
    }
    expect(read).toEqual(said);
  };
  return { records, storage, journal, check };
}

async function openWithCard(record = card) {
  const place = await open();
  const cardId = record === card ? id : otherId;
  await place.journal.completeOrder('order', [[cardId, record]]);
  return place;
}

const account = (journal: Journal, of = id) => journal.card(of)!.account;

describe('a journal', () => {
  it('says in which version it is written, once', async () => {
    const { records, journal } = await open();
    await journal.flush();
    expect([...records]).toEqual([['format', '1']]);
    const writes: unknown[] = [];
    const storage: WalletStorage = {
      ...createMemoryStorage(records),
      write: async (changes) => void writes.push(changes),
    };
    const again = new Journal(storage);
    await again.load();
    await again.flush();
    expect(writes).toEqual([]);
  });

  it('says when all that it was told is durable', async () => {
    let finish = (): void => {};
    const written = new Promise<void>((resolve) => (finish = resolve));
    const journal = new Journal({ ...createMemoryStorage(), write: () => written });
    await journal.load();
    let durable = false;
    const flushed = journal.flush().then(() => (durable = true));
    await new Promise((resolve) => setImmediate(resolve));
    expect(durable).toBe(false);
    finish();
    await flushed;
    expect(durable).toBe(true);
  });

  it('keeps vendors, orders and credits', async () => {
    const { journal, check, records } = await open();
    await journal.pin('https://a.example', { document: 'e30' });
    await journal.putOrder('one', order);
    await journal.putCredit('two', credit);
    expect(journal.vendor('https://a.example')).toEqual({ document: 'e30' });
    expect(journal.vendor('https://b.example')).toBeUndefined();
    expect([journal.orders(), journal.order('one'), journal.order('two')]).toEqual([
      [['one', order]],
      order,
      undefined,
    ]);
    expect([journal.credits(), journal.credit('two')]).toEqual([[['two', credit]], credit]);
    await check();
    await journal.putCredit('two', undefined);
    expect(journal.credits()).toEqual([]);
    await check();
    expect([...records.keys()].sort()).toEqual(['format', 'order:one', 'vendor:https://a.example']);
  });

  it('puts the order of an exchange in the place of its credit, in one write', async () => {
    const { journal, check, records } = await open();
    await journal.putCredit('one', credit);
    await journal.putOrder('one', order);
    expect(journal.credit('one')).toBeUndefined();
    expect([...records.keys()].sort()).toEqual(['format', 'order:one']);
    await check();
  });

  it('writes nothing for a credit that was not there', async () => {
    const { journal, records } = await open();
    await journal.putCredit('one', undefined);
    await journal.putOrder('two', order);
    expect([...records.keys()].sort()).toEqual(['format', 'order:two']);
  });

  it('turns an order into its cards, each once', async () => {
    const { journal, check, records } = await open();
    await journal.putOrder('one', order);
    await journal.completeOrder('one', [
      [id, card],
      [otherId, otherCard],
    ]);
    expect(journal.orders()).toEqual([]);
    expect(journal.cards().map((held) => [held.id, held.stale, held.activated, held.refused])).toEqual([
      [id, false, false, false],
      [otherId, false, false, false],
    ]);
    expect(records.has('order:one')).toBe(false);
    await check();
    await journal.reserve('t', claimOf(3, 3));
    await journal.completeOrder('one', [[id, card]]);
    expect(account(journal).reserved).toBe(3);
    await check();
  });

  it('asks the vendor what is left on a card of a backup', async () => {
    const { journal, check } = await open();
    await journal.addRestored([[id, card]]);
    expect(journal.card(id)).toMatchObject({ stale: true, activated: false });
    await check();
  });

  it('derives the secrets of a card once, and finds a seed that is not its own', async () => {
    const { journal } = await openWithCard();
    const held = journal.card(id)!;
    const secrets = journal.secrets(held);
    expect(secrets.id).toBe(id);
    expect(journal.secrets(held)).toBe(secrets);
    expect(() => journal.secrets({ ...held, id: otherId, record: { ...card } })).toThrow(
      expect.objectContaining({ code: 'storage-corrupt' }),
    );
  });

  it('knows no card that it does not hold', async () => {
    const { journal } = await open();
    await expect(journal.doubt(id)).rejects.toMatchObject({ code: 'card-unknown' });
    expect(() => journal.reserve('t', claimOf(1, 1))).toThrow(
      expect.objectContaining({ code: 'card-unknown' }),
    );
  });

  it('removes a card with what it paid for and has not arrived', async () => {
    const { journal, check, records } = await openWithCard();
    await journal.completeOrder('other', [[otherId, otherCard]]);
    await journal.reserve('one', claimOf(3, 3, { keep: true }));
    await journal.reserve('two', claimOf(3, 3, { keep: true, card: otherId, url: 'https://a.example/y' }));
    await journal.settle('one', paymentOf(3), false);
    await journal.settle('two', paymentOf(3, { card: otherId }), false);
    await journal.removeCard(id);
    expect(journal.cards().map((held) => held.id)).toEqual([otherId]);
    expect(journal.keptAt('https://a.example/x')).toBeUndefined();
    expect(journal.keptAt('https://a.example/y')).toMatchObject(['two', { card: otherId }]);
    expect([...records.keys()].filter((key) => key.includes(id) || key === 'kept:one')).toEqual([]);
    await check();
  });

  it('doubts a card once', async () => {
    const { journal, records, check } = await openWithCard();
    await journal.doubt(id);
    expect(journal.card(id)!.stale).toBe(true);
    await check();
    const before = journal.card(id);
    records.delete('format');
    await journal.doubt(id);
    expect(journal.card(id)).toBe(before);
  });
});

describe('the report of a vendor', () => {
  const report: CardReport = { units: 100, spent: 10, top: 12, expires: 1_900_000_000, gaps: [[3, 5]] };

  it('is taken over, and the card is in use then', async () => {
    const { journal, check } = await openWithCard();
    await journal.doubt(id);
    await journal.adoptReport(id, report, account(journal));
    expect(journal.card(id)).toMatchObject({ stale: false, activated: true, refused: false });
    expect(account(journal)).toMatchObject({
      spent: 10,
      top: 12,
      free: [
        [3, 5],
        [12, 100],
      ],
    });
    await check();
  });

  it('leaves what claims in flight hold, and is asked for again', async () => {
    const { journal, check } = await openWithCard();
    await journal.completeOrder('other', [[otherId, otherCard]]);
    await journal.reserve('one', claimOf(14, 2));
    await journal.reserve('two', claimOf(20, 6, { card: otherId }));
    await journal.adoptReport(id, report, account(journal));
    expect(journal.card(id)).toMatchObject({ stale: true, activated: true });
    expect(account(journal)).toMatchObject({
      spent: 10,
      reserved: 2,
      unsettled: 1,
      free: [
        [3, 5],
        [14, 100],
      ],
    });
    await check();
  });

  it('that came too late only raises the top, and is asked for again', async () => {
    const { journal, check } = await openWithCard();
    const asked = account(journal);
    await journal.reserve('one', claimOf(3, 3));
    await journal.settle('one', paymentOf(3), false);
    await journal.adoptReport(id, report, asked);
    expect(journal.card(id)).toMatchObject({ stale: true, activated: true });
    expect(account(journal)).toMatchObject({ spent: 3, top: 12 });
    await check();
  });

  it('of a card that was refused makes it good again', async () => {
    const { journal } = await openWithCard();
    await journal.reserve('one', claimOf(3, 3));
    await journal.free('one', 'refused', { refused: true });
    await journal.adoptReport(id, report, account(journal));
    expect(journal.card(id)!.refused).toBe(false);
  });
});

describe('a claim in the journal', () => {
  it('is durable before it may be sent, and holds its units', async () => {
    const { journal, check, records } = await openWithCard();
    await journal.reserve('one', claimOf(3, 3));
    expect(records.has('claim:one')).toBe(true);
    expect([journal.claims(), journal.claim('one'), journal.claim('two')]).toEqual([
      [['one', claimOf(3, 3)]],
      claimOf(3, 3),
      undefined,
    ]);
    expect(account(journal)).toMatchObject({ reserved: 3, unsettled: 1, free: [[3, 100]] });
    expect([journal.claimsOn(id).length, journal.claimsOn(otherId).length]).toEqual([1, 0]);
    await check();
  });

  it('becomes a payment when it is charged, with the units that were', async () => {
    const { journal, check, records } = await openWithCard();
    await journal.reserve('one', claimOf(5, 5));
    await journal.settle('one', paymentOf(2), false);
    expect(journal.claims()).toEqual([]);
    expect(journal.payments()).toEqual([paymentOf(2)]);
    expect(account(journal)).toMatchObject({ spent: 2, reserved: 0, top: 5, free: [[2, 100]] });
    expect(journal.card(id)!.stale).toBe(false);
    expect(records.has('payment:0')).toBe(true);
    await check();
    expect(() => journal.settle('one', paymentOf(2), false)).toThrow(
      expect.objectContaining({ code: 'invalid-argument' }),
    );
  });

  it('has the card asked for if its answer showed that the wallet was wrong, and leaves it so', async () => {
    const { journal, check } = await openWithCard();
    await journal.reserve('one', claimOf(1, 1));
    await journal.settle('one', paymentOf(1), true);
    expect(journal.card(id)!.stale).toBe(true);
    await journal.reserve('two', claimOf(2, 1));
    await journal.settle('two', paymentOf(1), false);
    expect(journal.card(id)!.stale).toBe(true);
    await check();
  });

  it('that is to be kept stays until its delivery is confirmed', async () => {
    const { journal, check, records } = await openWithCard();
    await journal.reserve('one', claimOf(1, 1));
    await journal.keep('one');
    expect(journal.claim('one')!.keep).toBe(true);
    await check();
    await journal.keep('nobody');
    const kept = journal.claim('one');
    await journal.keep('one');
    expect(journal.claim('one')).toBe(kept);
    await journal.settle('one', paymentOf(1), false);
    expect(journal.keptAt('https://a.example/x')).toEqual(['one', kept]);
    expect(journal.keptAt('https://a.example/z')).toBeUndefined();
    expect([records.has('kept:one'), records.has('claim:one')]).toEqual([true, false]);
    await check();
    await journal.endKept('one');
    await journal.endKept('one');
    expect(journal.keptAt('https://a.example/x')).toBeUndefined();
    expect(journal.card(id)!.stale).toBe(false);
    await check();
  });

  it('whose delivery will not come has the card asked for', async () => {
    const { journal, check } = await openWithCard();
    await journal.reserve('one', claimOf(1, 1, { keep: true }));
    await journal.settle('one', paymentOf(1), false);
    await journal.endKept('one', { ask: true });
    expect(journal.card(id)!.stale).toBe(true);
    await check();
  });

  it('that is not kept leaves nothing', async () => {
    const { journal } = await openWithCard();
    await journal.reserve('one', claimOf(1, 1));
    await journal.settle('one', paymentOf(1), false);
    expect(journal.keptAt('https://a.example/x')).toBeUndefined();
  });

  it('puts its units to a credit, and is no payment then', async () => {
    const { journal, check } = await openWithCard();
    await journal.putCredit('c', { ...credit, paid: 1 });
    await journal.reserve('one', claimOf(3, 3, { credit: 'c' }));
    await journal.settle('one', paymentOf(3), false);
    expect(journal.credit('c')!.paid).toBe(4);
    expect(journal.payments()).toEqual([]);
    await check();
    await journal.reserve('two', claimOf(5, 2, { credit: 'gone' }));
    await journal.settle('two', paymentOf(2), false);
    expect(journal.payments()).toEqual([paymentOf(2)]);
    expect(journal.credits()).toHaveLength(1);
    await check();
  });

  it('is free again if it is not charged', async () => {
    const { journal, check } = await openWithCard();
    await journal.reserve('one', claimOf(3, 3));
    await journal.free('one', 'refused');
    expect(account(journal)).toMatchObject({ spent: 0, reserved: 0, top: 0, free: [[0, 100]] });
    expect(journal.card(id)).toMatchObject({ stale: false, refused: false });
    expect(journal.claims()).toEqual([]);
    await check();
    await journal.reserve('two', claimOf(3, 3));
    await journal.free('two', 'released', { top: 9, ask: true });
    expect(account(journal)).toMatchObject({ top: 9, free: [[0, 100]] });
    expect(journal.card(id)).toMatchObject({ stale: true, refused: false });
    await journal.reserve('three', claimOf(3, 3));
    await journal.free('three', 'refused', { refused: true });
    expect(journal.card(id)).toMatchObject({ stale: true, refused: true });
    await journal.reserve('four', claimOf(3, 3));
    await journal.free('four', 'taken');
    expect(journal.card(id)).toMatchObject({ stale: true, refused: true });
    expect(account(journal).spent).toBe(3);
    await check();
  });

  it('is found by its URL while it is open, if it is of a GET that no call is at work on', async () => {
    const { journal } = await openWithCard();
    const url = 'https://a.example/x';
    await journal.reserve('post', claimOf(1, 1, { method: 'POST' }));
    expect(journal.openAt(url)).toBeUndefined();
    await journal.reserve('get', claimOf(2, 1));
    expect(journal.openAt(url)?.[0]).toBe('get');
    expect(journal.openAt(`${url}y`)).toBeUndefined();
    journal.begin('get');
    expect(journal.openAt(url)).toBeUndefined();
    await journal.keep('get');
    expect(journal.openAt(url)?.[0]).toBe('get');
  });
});

describe('payments', () => {
  it('are told newest first, and the last thousand are kept', async () => {
    const { journal, records, check } = await openWithCard(otherCard);
    for (let i = 0; i < 1003; i++) {
      void journal.reserve(`t${i}`, claimOf(1, 1, { card: otherId }));
      void journal.settle(`t${i}`, paymentOf(1, { time: i, card: otherId }), false);
    }
    await journal.flush();
    const times = journal.payments().map(({ time }) => time);
    expect([times.length, times[0], times.at(-1)]).toEqual([1000, 1002, 3]);
    expect([records.has('payment:2'), records.has('payment:3'), records.has('payment:1002')]).toEqual([
      false,
      true,
      true,
    ]);
    await check();
  });
});

describe('calls at work on a claim', () => {
  it('are one at a time', async () => {
    const { journal } = await openWithCard();
    expect([journal.isActive('t'), journal.begin('t'), journal.begin('t'), journal.isActive('t')]).toEqual([
      false,
      true,
      false,
      true,
    ]);
    journal.end('t');
    expect([journal.isActive('t'), journal.begin('t')]).toEqual([false, true]);
  });

  it('wake those who wait for a change, as each write does, once', async () => {
    const { journal } = await openWithCard();
    let woken = 0;
    const wait = () => void journal.nextChange().then(() => woken++);
    wait();
    await Promise.resolve();
    expect(woken).toBe(0);
    journal.end('t');
    await Promise.resolve();
    expect(woken).toBe(1);
    wait();
    await journal.doubt(id);
    expect(woken).toBe(2);
    journal.end('t');
    await Promise.resolve();
    expect(woken).toBe(2);
    wait();
    await journal.load();
    await Promise.resolve();
    expect(woken).toBe(3);
  });
});
