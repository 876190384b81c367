import { kinds, type StretchRow } from './sqlite-schema.js';
import type { Writes } from './sqlite-statements.js';
import type { Store } from './sqlite-store.js';

/** Rows of the journal that one transaction judges. */
const stretchRows = 1000;

/**
 * Rows are about in the order of their times, but for clocks that were set back. A purge ends at a stretch in which every
 * row is this much newer than what it looks for. Seconds.
 */
const clockSlack = 3600;

/** See `Ledger.purge`. In many small transactions, between which payments go on. */
export async function purgeRecords(store: Store, keysBefore: number, claimsBefore: number): Promise<void> {
  while (store.accounts.unfolded > stretchRows) await store.within(() => store.fold(0, stretchRows));
  const deleted = await eachStretch(store, 0, claimsBefore, (writes, row) => {
    if (row.at >= claimsBefore || row.challenge_expires >= claimsBefore) return false;
    if (row.kind === kinds.accept) forgetClaim(store, writes, row);
    writes.deleteRow.run(row.seq);
    return true;
  });
  let newer = false;
  const erased = await eachStretch(store, store.erased, keysBefore, (writes, row) => {
    newer ||= row.at >= keysBefore;
    if (!newer) store.erased = row.seq + 1;
    if (row.at >= keysBefore || row.secret === 0) return false;
    writes.erase.run(row.seq);
    return true;
  });
  if (deleted || erased) await store.emptyLog();
}

/** Walks the journal until its rows are newer than `before`. @returns whether any row was changed */
async function eachStretch(
  store: Store,
  from: number,
  before: number,
  purge: (writes: Writes, row: StretchRow) => boolean,
): Promise<boolean> {
  let changed = false;
  for (;;) {
    let rows: StretchRow[] = [];
    await store.within((writes) => {
      // So that all there is to know about a claim stands in its rows.
      store.fold(0, Infinity);
      rows = writes.stretch.all(from, stretchRows);
      for (const row of rows) changed = purge(writes, row) || changed;
    });
    if (rows.length < stretchRows || rows.every((row) => row.at >= before + clockSlack)) return changed;
    from = rows.at(-1)!.seq + 1;
  }
}

function forgetClaim(store: Store, writes: Writes, { slot, end, seq }: StretchRow): void {
  const fate = writes.fate.get(slot, end, seq);
  if (!fate) return;
  writes.deleteClaim.run(slot, end, seq);
  if (fate.resolved === null) store.sums.pending--;
  else if (fate.kind === kinds.giveBack && fate.kept === 0) store.sums.released--;
  else store.sums.settled--;
}
