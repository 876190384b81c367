import { malformed } from '../../core/errors.js';
import type {
  Batch,
  CardEntry,
  ClaimRecord,
  CodeRun,
  StoredCard,
  StoredCode,
  StoredCredit,
} from '../../server/ledger.js';
import type { HeldOrder } from '../../server/ledger-orders.js';
import { decodeIdempotency, decodeItems, decodeList, decodeReply, decodeState } from './codec.js';
import {
  kinds,
  type BatchRow,
  type CardRow,
  type ClaimRow,
  type CodeRow,
  type JournalRow,
  type OrderRow,
} from './schema.js';
import type { Claim } from './accounts.js';
import type { Routes } from './routes.js';

/** Rows as the objects of the ledger's contract. Each throws `malformed` for what no ledger writes. */

export function cardOf(row: CardRow): StoredCard {
  const entry: CardEntry = {
    id: row.id,
    message: bytes(row.message),
    keyId: row.key_id,
    master: bytes(row.master),
    protocol: protocolOf(row.protocol),
    scheme: bytes(row.scheme),
    expires: row.expires,
  };
  return { entry, state: decodeState(row.state), version: row.version };
}

function protocolOf(name: string): CardEntry['protocol'] {
  if (name !== 'chain' && name !== 'stream') throw malformed(`no protocol ${name}`);
  return name;
}

/** A claim as its acceptance left it. @param session the first row of this process: what is older was interrupted */
export function acceptedOf(row: JournalRow, session: number, routes: Routes): ClaimRecord {
  if (row.kind !== kinds.accept) throw malformed('not the row of an acceptance');
  return {
    tag: row.tag,
    end: row.end,
    units: row.units,
    kept: row.kept,
    proof: bytes(row.proof),
    route: routes.nameOf(row.route),
    status: statusOf(row, session),
    safe: row.safe === 1,
    key: row.key ? bytes(row.key) : undefined,
    idempotency: row.idempotency ? decodeIdempotency(row.idempotency) : undefined,
    acceptedAt: row.at,
    challengeExpires: row.challenge_expires,
  };
}

function statusOf({ route, kept, seq }: JournalRow, session: number): ClaimRecord['status'] {
  if (route < 0) return 'settled';
  if (kept === 0) return 'released';
  return seq < session ? 'interrupted' : 'pending';
}

export function settled(record: ClaimRecord, kept: number, reply: ClaimRecord['reply']): ClaimRecord {
  return { ...record, kept, status: 'settled', reply };
}

export function givenBack(record: ClaimRecord, kept: number): ClaimRecord {
  return { ...record, kept, status: kept === 0 ? 'released' : 'settled' };
}

/** What a row says that resolves a claim. */
export function resolvedOf(
  record: ClaimRecord,
  kind: number,
  kept: number,
  reply: Uint8Array | null,
): ClaimRecord {
  if (kind === kinds.giveBack) return givenBack(record, kept);
  return settled(record, kept, reply ? decodeReply(reply) : undefined);
}

export function claimOf(row: ClaimRow, session: number, routes: Routes): Claim {
  const accepted = acceptedOf(row, session, routes);
  const { seq, route } = row;
  if (row.resolved === null) return { seq, record: accepted, route, resolvedBy: 0, indexedAs: 0 };
  if (row.resolved_kind === null) throw malformed('the row that resolved a claim is missing');
  const record = resolvedOf(accepted, row.resolved_kind, row.now_kept, row.resolved_reply);
  return { seq, record, route, resolvedBy: row.resolved, indexedAs: row.resolved };
}

export function orderOf(row: OrderRow): HeldOrder {
  const state = orderStates[row.state ?? -1];
  if (!state) throw malformed('an order in no state');
  const [stopped, isolated] = [(row.held & 1) !== 0, (row.held & 2) !== 0];
  const [code, credit] = [codeOf(row), creditOf(row)];
  const order = { id: row.id, items: decodeItems(row.items), state, stopped, isolated, code, credit };
  if (row.digest === null || row.signatures === null) return order;
  return { ...order, served: { digest: row.digest, signatures: decodeList(row.signatures) } };
}

/** By the numbers of the column `state`. */
export const orderStates = ['printed', 'active', 'void'] as const;
/** By the numbers of the column `purpose`. */
export const purposes = ['exchange', 'refund'] as const;

function creditOf(row: OrderRow): StoredCredit | undefined {
  if (row.purpose === null) return undefined;
  const purpose = purposes[row.purpose];
  const { credit: units, at, paid } = row;
  if (!purpose || units === null || at === null) throw malformed('a credit of no purpose');
  return { purpose, units, at, paid: paid ?? undefined };
}

function codeOf({ batch, serial, expires }: OrderRow): StoredCode | undefined {
  if (batch === null) return undefined;
  if (serial === null || expires === null) throw malformed('a code of no batch');
  return { batch, serial, expires };
}

export function batchOf({ items, printed, active, void: voided, redeemed, ...row }: BatchRow): Batch {
  return { ...row, items: decodeItems(items), codes: { printed, active, void: voided, redeemed } };
}

export function codeStateOf({ state, served }: CodeRow): CodeRun['state'] {
  const name = served ? 'redeemed' : orderStates[state];
  if (!name) throw malformed('a code in no state');
  return name;
}

/** A plain Uint8Array, whose `slice` copies as that of a Buffer does not. */
function bytes(value: Uint8Array): Uint8Array {
  return new Uint8Array(value);
}
