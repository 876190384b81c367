import type { ClaimRecord } from '../../server/ledger.js';
import { decodeReply, encodeReply } from '../../node/sqlite/codec.js';
import { bytesOf, type Row, type Store } from './platform.js';

/** The claims of one card. */

export const claimTables = `
  CREATE TABLE IF NOT EXISTS claims (
    tag TEXT PRIMARY KEY, end INTEGER NOT NULL, units INTEGER NOT NULL, kept INTEGER NOT NULL, proof BLOB NOT NULL,
    route TEXT NOT NULL, status TEXT NOT NULL, safe INTEGER NOT NULL, key BLOB, idempotency TEXT, print TEXT, reply BLOB,
    accepted_at INTEGER NOT NULL, challenge_expires INTEGER NOT NULL,
    -- Who accepted it, and when by the clock of the object: whether its handler may still be at work.
    session TEXT NOT NULL, since INTEGER NOT NULL) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS claims_by_end ON claims (end);
  CREATE INDEX IF NOT EXISTS claims_by_idempotency ON claims (idempotency) WHERE idempotency IS NOT NULL;
  CREATE INDEX IF NOT EXISTS claims_by_time ON claims (accepted_at);`;

export interface ClaimTimes {
  /** Milliseconds by the clock of the object. */
  readonly now: number;
  /** How long a handler may be at work, in seconds. */
  readonly handlerSeconds: number;
}

export function claimOf(row: Row, { now, handlerSeconds }: ClaimTimes): ClaimRecord {
  const { idempotency, print, key, reply, status } = row;
  const isOver = status === 'pending' && now - (row['since'] as number) > handlerSeconds * 1000;
  return {
    tag: row['tag'] as string,
    end: row['end'] as number,
    units: row['units'] as number,
    kept: row['kept'] as number,
    proof: bytesOf(row['proof']),
    route: row['route'] as string,
    status: isOver ? 'interrupted' : (status as ClaimRecord['status']),
    safe: row['safe'] === 1,
    key: key === null ? undefined : bytesOf(key),
    idempotency: idempotency === null ? undefined : { name: idempotency as string, print: print as string },
    reply: reply === null ? undefined : decodeReply(bytesOf(reply)),
    acceptedAt: row['accepted_at'] as number,
    challengeExpires: row['challenge_expires'] as number,
  };
}

export function insertClaim(store: Store, claim: ClaimRecord, session: string, now: number): void {
  store.run(
    'INSERT INTO claims VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
    claim.tag,
    claim.end,
    claim.units,
    claim.kept,
    claim.proof,
    claim.route,
    claim.status,
    claim.safe ? 1 : 0,
    claim.key ?? null,
    claim.idempotency?.name ?? null,
    claim.idempotency?.print ?? null,
    claim.reply ? encodeReply(claim.reply) : null,
    claim.acceptedAt,
    claim.challengeExpires,
    session,
    now,
  );
}

export function findHolderRow(
  store: Store,
  protocol: 'chain' | 'stream',
  from: number,
  end: number,
): Row | undefined {
  if (protocol === 'stream') return store.first('SELECT * FROM claims WHERE end = ? AND kept > 0', end);
  return store.first(
    `SELECT * FROM claims WHERE end > ? AND kept > 0 AND end - units < ? AND end - units + kept > ?`,
    from,
    end,
    from,
  );
}
