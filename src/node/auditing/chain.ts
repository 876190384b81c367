import { createHash, type Hash } from 'node:crypto';
import type { Database } from 'better-sqlite3';
import { toBase64url } from '../../core/base64url.js';
import { journalForward, wrong, type AuditRow } from './reader.js';

/** The links of the journal, one a commit (docs/adr/0011-books-and-chain.md). */

export interface ChainHead {
  /** The last row of the group. */
  readonly seq: number;
  /** base64url of 32 bytes. */
  readonly link: string;
}

export interface ChainReport {
  /** Of the last group; absent for a journal that was never written. */
  readonly head?: ChainHead;
  readonly groups: number;
  readonly rows: number;
  /** Groups whose rows were purged: of them the link is left. */
  readonly purged: number;
  /** No row up to this one can be missed: it may have been purged. 0 if none was. */
  readonly purgedTo: number;
}

interface Group {
  readonly last: number;
  readonly link: Uint8Array;
  readonly purged: number;
}

const label = 'impuls/1 journal';

/**
 * Checks every group against the one before it.
 *
 * @param noted a head that was written down before: it must still be a link of this chain
 * @param onRow gets every row, once its group has held
 * @throws ImpulsError `malformed` that names the first rows that are wrong
 */
export function checkChain(
  db: Database,
  noted: ChainHead | undefined,
  onRow: (row: AuditRow) => void,
): ChainReport {
  const groups = db.prepare<[], Group>('SELECT last, link, purged FROM groups ORDER BY last').all();
  const rows = journalForward(db);
  try {
    return follow(groups, rows, noted, onRow);
  } finally {
    rows.return?.();
  }
}

function follow(
  groups: readonly Group[],
  rows: Iterator<AuditRow>,
  noted: ChainHead | undefined,
  onRow: (row: AuditRow) => void,
): ChainReport {
  let row = nextOf(rows);
  let before: Uint8Array = new Uint8Array(32);
  let [count, purged, purgedTo, from] = [0, 0, 0, 0];
  let met = noted === undefined;
  for (const { last, link, purged: gone } of groups) {
    const where = `rows ${from + 1} to ${last} of the journal`;
    if (link.length !== 32) throw wrong(where, 'their link is not one');
    const held: AuditRow[] = [];
    const hash = createHash('sha256').update(label).update(before);
    for (; row && row.seq <= last; row = nextOf(rows)) {
      held.push(row);
      addRow(hash, row, where);
    }
    if (gone > 0) {
      if (held.length > 0) throw wrong(where, `they were purged, and row ${held[0]!.seq} is there`);
      purged += gone;
      purgedTo = last;
    } else {
      if (held.length === 0) throw wrong(where, 'they are missing, and were not purged');
      if (!hash.digest().equals(link)) {
        throw wrong(where, 'their link does not hold: one was changed, removed, added or moved');
      }
      for (const one of held) onRow(one);
      count += held.length;
    }
    if (noted?.seq === last) {
      if (toBase64url(new Uint8Array(link)) !== noted.link) {
        throw wrong(where, 'this is not the chain whose head was noted: it was written anew');
      }
      met = true;
    }
    before = link;
    from = last;
  }
  if (row) throw wrong(`row ${row.seq} of the journal`, 'no link is there for it');
  if (!met) throw wrong(`the head ${noted!.seq}`, missing(noted!, purgedTo, from));
  const end = groups.at(-1);
  return {
    ...(end && { head: { seq: end.last, link: toBase64url(new Uint8Array(end.link)) } }),
    groups: groups.length,
    rows: count,
    purged,
    purgedTo,
  };
}

function missing({ seq }: ChainHead, purgedTo: number, last: number): string {
  if (seq <= purgedTo)
    return 'it is older than what is kept, so that it can be shown no more: note a newer one';
  return seq > last ? 'the journal ends before it' : 'no group ends there any more';
}

function nextOf(rows: Iterator<AuditRow>): AuditRow | undefined {
  const { done, value } = rows.next() as IteratorResult<AuditRow, undefined>;
  return done ? undefined : value;
}

/** Eleven integers of 8 bytes, two's complement, big-endian; then tag and proof, each after its length in 4 bytes. */
function addRow(hash: Hash, row: AuditRow, where: string): void {
  const { seq, slot, kind, claim, end, units, kept, safe, at, challenge_expires, route } = row;
  const numbers = [seq, slot, kind, claim, end, units, kept, safe, at, challenge_expires, route];
  const tag = Buffer.from(row.tag ?? '', 'utf8');
  const proof = row.proof ?? new Uint8Array(0);
  const bytes = Buffer.alloc(8 * numbers.length + 8 + tag.length + proof.length);
  let at8 = 0;
  for (const number of numbers) {
    if (!Number.isSafeInteger(number ?? 0)) throw wrong(where, 'a number of them is none');
    at8 = bytes.writeBigInt64BE(BigInt(number ?? 0), at8);
  }
  at8 = bytes.writeUInt32BE(tag.length, at8);
  at8 += tag.copy(bytes, at8);
  at8 = bytes.writeUInt32BE(proof.length, at8);
  bytes.set(proof, at8);
  hash.update(bytes);
}
