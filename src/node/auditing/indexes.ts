import type { Database } from 'better-sqlite3';
import type { ProgressRow } from '../audit.js';
import type { Postings } from './books.js';
import type { CardsReport } from './cards.js';
import { wrong } from './reader.js';

/** What a ledger keeps beside the journal to find its way: the index of claims, batches, sums. */

interface ClaimFault {
  readonly seq: number;
}

interface BatchSum {
  readonly number: number;
  readonly printed: number;
  readonly active: number;
  readonly void: number;
  readonly redeemed: number;
  readonly printed_now: number;
  readonly active_now: number;
  readonly void_now: number;
  readonly redeemed_now: number;
}

/** @throws ImpulsError `malformed` that names what does not agree */
export function checkIndexes(
  db: Database,
  progress: ProgressRow,
  cards: CardsReport,
  { late }: Postings,
): void {
  // The row that resolved a claim says what it keeps.
  const claim = db
    .prepare<[], ClaimFault>(
      `SELECT c.seq AS seq FROM claims c LEFT JOIN journal a ON a.seq = c.seq LEFT JOIN journal r ON r.seq = c.resolved
       WHERE a.seq IS NULL OR a.kind <> 0 OR a.slot <> c.slot OR a.end <> c.end OR a.units <> c.units
         OR c.kept <> coalesce(r.kept, a.kept)
         OR (c.resolved IS NOT NULL AND (r.seq IS NULL OR r.claim <> c.seq))
       ORDER BY c.seq LIMIT 1`,
    )
    .get();
  if (claim) throw wrong(`claim ${claim.seq}`, 'what is known of it is not what the journal tells');

  const counted = (state: number): string =>
    `(SELECT count(*) FROM orders o WHERE o.batch = b.number AND o.state = ${state} AND o.digest IS NULL)`;
  const batches = db
    .prepare<[], BatchSum>(
      `SELECT b.*, ${counted(0)} AS printed_now, ${counted(1)} AS active_now, ${counted(2)} AS void_now,
         (SELECT count(*) FROM orders o WHERE o.batch = b.number AND o.digest IS NOT NULL) AS redeemed_now
       FROM batches b ORDER BY b.number`,
    )
    .all();
  for (const batch of batches) {
    const same =
      batch.printed === batch.printed_now &&
      batch.active === batch.active_now &&
      batch.void === batch.void_now &&
      batch.redeemed === batch.redeemed_now;
    if (!same) throw wrong(`batch ${batch.number}`, 'its codes are not those that it counts');
  }

  const orders = db
    .prepare<[], { readonly all: number; readonly served: number }>(
      'SELECT count(*) AS "all", count(digest) AS served FROM orders',
    )
    .get()!;
  const sums = [...cards.byKey.values()];
  const add = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);
  const lateSpent = add([...late.entries()].map(({ kind, units }) => (kind === 'opened' ? 0 : units)));
  const expected: ReadonlyArray<readonly [what: string, kept: number, found: number]> = [
    ['orders', progress.orders, orders.all],
    ['orders served', progress.orders_served, orders.served],
    ['cards', progress.cards, cards.cards],
    ['units of cards', progress.units, add(sums.map(({ units }) => units))],
    ['units spent', progress.spent, add(sums.map(({ spent }) => spent)) - lateSpent],
  ];
  for (const [what, kept, found] of expected) {
    if (kept !== found) throw wrong('the totals', `${what}: they say ${kept}, and there are ${found}`);
  }
}
