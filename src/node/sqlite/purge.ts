import { kinds, type GroupRow, type StretchRow } from './schema.js';
import type { Writes } from './statements.js';
import type { Store } from './store.js';

/** Rows of the journal that one transaction judges. */
const stretchRows = 1000;

/**
 * Rows are about in the order of their times, but for clocks that were set back. A purge ends at a stretch in which every
 * row is this much newer than what it looks for. Seconds.
 */
const clockSlack = 3600;

/** Groups that one transaction judges. */
const groupsAtOnce = 250;

/**
 * See `Ledger.purge`. In many small transactions, between which payments go on. A claim is forgotten when it is old enough, its
 * row goes when all rows of its group are: their link was made of all of them. What resolves a claim stays as long as its acceptance:
 * without it the journal would tell that the claim keeps all that it asked for.
 */
export async function purgeRecords(store: Store, keysBefore: number, claimsBefore: number): Promise<void> {
  while (store.accounts.unfolded > stretchRows) await store.within(() => store.fold(0, stretchRows));
  await eachStretch(store, 0, claimsBefore, (writes, row) => {
    if (row.at >= claimsBefore || row.challenge_expires >= claimsBefore) return false;
    if (row.kind === kinds.accept) forgetClaim(store, writes, row);
    return true;
  });
  const deleted = await purgeGroups(store, claimsBefore);
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

/** Deletes the rows of groups that are old as a whole, and keeps the last link of groups that lie together. */
async function purgeGroups(store: Store, before: number): Promise<boolean> {
  let changed = false;
  let last: Pick<GroupRow, 'last' | 'purged'> = { last: 0, purged: 0 };
  for (;;) {
    const seen: { groups: number; newer: boolean } = { groups: 0, newer: true };
    await store.within((writes) => {
      const groups = writes.groups.all(last.last, groupsAtOnce);
      seen.groups = groups.length;
      for (const group of groups) {
        const { oldest, young } = writes.groupAge.get(before, before, last.last, last.last, group.last)!;
        if (oldest === null || oldest < before + clockSlack) seen.newer = false;
        let { purged } = group;
        if (purged === 0 && !young) {
          changed = true;
          purged = 1;
          for (const row of writes.groupRows.all(last.last, group.last)) forgetClaim(store, writes, row);
          writes.deleteRows.run(last.last, group.last);
        }
        if (purged > 0 && last.purged > 0) {
          writes.deleteGroup.run(last.last);
          purged += last.purged;
        }
        if (purged !== group.purged) writes.purgeGroup.run(purged, group.last);
        last = { last: group.last, purged };
      }
    });
    if (seen.groups < groupsAtOnce || seen.newer) return changed;
  }
}

/** @param row any that the claim wrote */
function forgetClaim(store: Store, writes: Writes, { slot, kind, claim, end, route }: StretchRow): void {
  if (kind === kinds.open) return;
  const at = kind === kinds.accept ? end : store.reads.endOfClaim.get(claim);
  const fate = at === undefined ? undefined : writes.fate.get(slot, at, claim);
  if (at === undefined || !fate) return;
  writes.deleteClaim.run(slot, at, claim);
  if (fate.kept === 0 && (fate.resolved === null || fate.kind === kinds.giveBack)) store.sums.released--;
  else if (fate.resolved === null && route >= 0) store.sums.pending--;
  else store.sums.settled--;
}
