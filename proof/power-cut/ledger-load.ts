import { tell } from './tell.js';
import { acceptedAt, cardAt, claimAt, codeAt, creditOf, orderAt, turnKind } from './ledger-script.js';
import type { Ledger } from '../../src/server/index.js';

/** A ledger in a file, to which everything happens that can, and which tells what it has confirmed. */
export interface LedgerSettings {
  readonly path: string;
  readonly cards: number;
  /** From the first to before the last, of each card. */
  readonly turns: readonly [first: number, last: number];
  readonly life: number;
}

const { path, cards, turns, life } = JSON.parse(process.argv[2]!) as LedgerSettings;
const product = new URL('../../dist/node/sqlite.js', import.meta.url).href;
const { openSqliteLedger } = (await import(product)) as typeof import('../../src/node/sqlite.js');
const ledger: Ledger = await openSqliteLedger({ path, maxUnfolded: 200 });
if (life > 0) await tellAll();
// No card is far ahead of another, as their claims bear times.
for (let turn = turns[0]; turn < turns[1]; turn += 4) {
  const end = Math.min(turn + 4, turns[1]);
  await Promise.all(Array.from({ length: cards }, (_, number) => pay(number, turn, end)));
}
await ledger.close();

/** What a process says after its start is as good as what it did itself. */
async function tellAll(): Promise<void> {
  for (let number = 0; number < cards; number++) {
    const { id } = cardAt(number);
    if (!(await ledger.readCard(id))) continue;
    tell('card', number);
    for (let turn = 0; turn < turns[0]; turn++) {
      const claim = await ledger.findClaim(id, claimAt(number, turn).tag);
      if (claim?.status === 'interrupted') tell('accept', number, turn);
      else if (claim) tell('resolve', number, turn, claim.kept);
    }
  }
  // Time for a power cut before anything else is written.
  await new Promise((resolve) => setTimeout(resolve, 50));
}

async function pay(number: number, first: number, end: number): Promise<void> {
  const card = cardAt(number);
  const { id, scheme } = card;
  await ledger.openCard(card.entry, card.state, acceptedAt(0));
  tell('card', number);
  for (let turn = first; turn < end; turn++) {
    const claim = claimAt(number, turn);
    const { state, version } = (await ledger.readCard(id))!;
    const taken = scheme.take(state, claim);
    if (taken.verdict !== 'accepted') continue;
    const kind = turnKind(turn);
    if (kind === 'credit') {
      const to = creditOf(number, turn);
      if ((await ledger.credit(id, version, taken.next, claim, to)) !== 'credited') continue;
      tell('resolve', number, turn, claim.units);
      if (to.purpose !== 'refund') continue;
      await ledger.payRefund(to.order, acceptedAt(turn));
      tell('paid-out', number, turn);
      continue;
    }
    if (!(await ledger.accept(id, version, taken.next, claim))) continue;
    tell('accept', number, turn);
    if (kind === 'settle') {
      await ledger.settle(id, claim.tag, { status: 200, headers: [], body: new Uint8Array(300).fill(turn) });
      tell('resolve', number, turn, claim.units);
    } else if (kind === 'release' || kind === 'keep-one') {
      const kept = kind === 'release' ? 0 : 1;
      const now = (await ledger.readCard(id))!;
      const next = scheme.giveBack(now.state, claim, claim.units, kept);
      if (await ledger.giveBack(id, now.version, next, claim.tag, kept)) tell('resolve', number, turn, kept);
    }
    if (number === 0) await administer(turn);
  }
}

/** What an operator does meanwhile. */
async function administer(turn: number): Promise<void> {
  if (turn % 5 === 1) {
    const order = orderAt(turn);
    await ledger.createOrders([order], acceptedAt(turn));
    tell('order', turn);
    const key = cardAt(0).entry.keyId;
    await ledger.serveOrder(order.id, 'd', [new Uint8Array(384)], [{ key, units: 100 }], acceptedAt(turn));
    tell('served', turn);
  }
  if (turn % 20 === 7) {
    const items = [{ denomination: 50, count: 2 }];
    const terms = { label: `${turn}`, items, created: acceptedAt(turn), expires: acceptedAt(turn) + 1e6 };
    const batch = await ledger.createBatch(terms);
    await ledger.addCodes(
      batch,
      1,
      [1, 2, 3].map((serial) => codeAt(turn, serial)),
    );
    tell('codes', batch, 'printed');
    await ledger.changeCodes(batch, 1, 3, 'active', acceptedAt(turn));
    tell('codes', batch, 'active');
    await ledger.changeCodes(batch, 1, 3, 'void', acceptedAt(turn));
    tell('codes', batch, 'void');
  }
  // From then on the log grows until a checkpoint carries it over.
  if (turn % 30 === 29 && turn < 120) {
    const before = acceptedAt(turn - 12);
    tell('purging', turn - 12);
    await ledger.purge(before, before);
    tell('purged', turn - 12);
  }
}
