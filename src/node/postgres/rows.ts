import { malformed } from '../../core/errors.js';
import type { CardEntry, ClaimRecord, StoredCard } from '../../server/ledger.js';
import { decodeReply, decodeState } from '../sqlite/codec.js';
import type { Row } from './database.js';

/** Rows as the objects of the ledger's contract, and back. Each throws `malformed` for what no ledger writes. */

/** A plain Uint8Array, whose `slice` copies as that of a Buffer does not. */
export function bytesOf(value: unknown): Uint8Array {
  if (!(value instanceof Uint8Array)) throw malformed('a column that holds no bytes');
  return new Uint8Array(value);
}

/** The columns of a card `c`, as `cardOf` reads them. @param schema of the tables, quoted */
export function cardColumns(schema: string): string {
  return `c.id, c.key_id, c.message, c.master, c.protocol, c.scheme, c.expires, c.version, c.state,
    EXISTS (SELECT 1 FROM ${schema}.quarantine q WHERE q.key = c.key_id)`;
}

/** @param known of the same card, whose entry keeps its identity */
export function cardOf(row: Row, known: CardEntry | undefined): StoredCard {
  const entry = known ?? entryOf(row);
  const card = { entry, state: decodeState(bytesOf(row[8])), version: Number(row[7]) };
  return row[9] === true ? { ...card, held: true } : card;
}

function entryOf([id, keyId, message, master, protocol, scheme, expires]: Row): CardEntry {
  if (protocol !== 'chain' && protocol !== 'stream') throw malformed('a card of no protocol');
  return {
    id: id as string,
    message: bytesOf(message),
    keyId: keyId as string,
    master: bytesOf(master),
    protocol,
    scheme: bytesOf(scheme),
    expires: Number(expires),
  };
}

/** By the numbers of the column `status`. */
export const statuses = ['pending', 'settled', 'released'] as const;

/** The columns of a claim `k`, as `claimOf` reads them. */
export function claimColumns(schema: string): string {
  return `k.tag, k.upto, k.units, k.kept, k.status, k.safe, k.route, k.accepted_at, k.challenge_expires, k.proof, k.key, k.name,
    k.print, k.reply,
    k.status = 0 AND NOT EXISTS (SELECT 1 FROM ${schema}.instances i WHERE i.id = k.instance AND i.until > now())`;
}

/** @param routeOf gives the name of a route's number */
export function claimOf(row: Row, routeOf: (number: number) => string): ClaimRecord {
  const status = statuses[Number(row[4])];
  if (!status) throw malformed('a claim in no state');
  const [name, print] = [row[11], row[12]] as [string | null, string | null];
  return {
    tag: row[0] as string,
    end: Number(row[1]),
    units: Number(row[2]),
    kept: Number(row[3]),
    proof: bytesOf(row[9]),
    route: routeOf(Number(row[6])),
    status: row[14] === true ? 'interrupted' : status,
    safe: row[5] === true,
    key: row[10] === null ? undefined : bytesOf(row[10]),
    idempotency: name === null || print === null ? undefined : { name, print },
    reply: row[13] === null ? undefined : decodeReply(bytesOf(row[13])),
    acceptedAt: Number(row[7]),
    challengeExpires: Number(row[8]),
  };
}
