import { toBase64url } from '../core/base64url.js';
import { deriveCard, readOpening, type Card, type CardId } from '../core/card.js';
import type { CardState } from '../core/card-state.js';
import type { CardKind, Scheme } from '../core/protocol.js';
import type {
  CardEntry,
  ClaimRecord,
  IdempotencyKey,
  IssuedCard,
  Ledger,
  Order,
  StoredReply,
} from '../server/ledger.js';
import { check } from './suite.js';

/** Real cards for the cases: wallet's side and vendor's side of each. */

export const kinds: readonly CardKind[] = [
  { protocol: 'chain' },
  { protocol: 'stream', generator: 'chacha20' },
  { protocol: 'stream', generator: 'hmac-drbg' },
];

export interface TestCard {
  readonly id: CardId;
  readonly entry: CardEntry;
  readonly scheme: Scheme;
  readonly source: Card['source'];
  /** As opened. */
  readonly state: CardState;
}

/** When things happen, unless a case says otherwise: Unix seconds. */
export const at = 1_800_000_000;

let made = 0;

/** A card like no other. */
export function makeCard(kind: CardKind = kinds[0]!, units = 1000): TestCard {
  const seed = new Uint8Array(32);
  new DataView(seed.buffer).setUint32(0, ++made);
  const card = deriveCard(seed, kind, units);
  const { id, message, master, scheme, state } = readOpening(card.opening, units);
  const entry: CardEntry = {
    id,
    message,
    keyId: toBase64url(message.subarray(0, 16)),
    master,
    protocol: scheme.protocol,
    scheme: scheme.encode(),
    expires: 1_900_000_000,
  };
  return { id, entry, scheme, source: card.source, state };
}

/** A tag like no other. */
export function makeTag(): string {
  const bytes = new Uint8Array(16);
  new DataView(bytes.buffer).setUint32(12, ++made);
  return toBase64url(bytes);
}

/** What a case may say about a claim beside its units. */
export type ClaimDetails = Partial<
  Pick<ClaimRecord, 'kept' | 'route' | 'status' | 'safe' | 'idempotency' | 'acceptedAt' | 'challengeExpires'>
>;

export function makeClaim(
  card: TestCard,
  end: number,
  units: number,
  details: ClaimDetails = {},
): ClaimRecord {
  return {
    tag: makeTag(),
    end,
    units,
    kept: units,
    proof: card.source.proof(end),
    route: '',
    status: 'pending',
    safe: true,
    key: card.source.ikm(end),
    acceptedAt: at,
    challengeExpires: at + 300,
    ...details,
  };
}

/** What the card becomes by a claim; undefined if the card does not give it. */
export function stateAfter(card: TestCard, state: CardState, claim: ClaimRecord): CardState | undefined {
  const taken = card.scheme.take(state, claim);
  if (taken.verdict !== 'accepted') return undefined;
  return card.scheme.giveBack(taken.next, claim, claim.units, claim.kept);
}

/** Opens a card in the ledger. */
export async function openCard(ledger: Ledger, kind?: CardKind, units?: number): Promise<TestCard> {
  const card = makeCard(kind, units);
  await ledger.openCard(card.entry, card.state, at);
  return card;
}

/** Accepts a claim as a vendor does. */
export async function acceptClaim(
  ledger: Ledger,
  card: TestCard,
  end: number,
  units: number,
  details?: ClaimDetails,
): Promise<ClaimRecord> {
  const claim = makeClaim(card, end, units, details);
  const stored = await ledger.readCard(card.id);
  check(stored !== undefined, 'a card that was opened is there');
  const next = stateAfter(card, stored.state, claim);
  check(next !== undefined, 'the card gives the claim');
  check(
    await ledger.accept(card.id, stored.version, next, claim),
    'the version read is the one to move from',
  );
  return claim;
}

/** Gives back as a vendor does, from the version that is there. */
export async function giveBack(
  ledger: Ledger,
  card: TestCard,
  claim: ClaimRecord,
  kept: number,
): Promise<boolean> {
  const stored = await ledger.readCard(card.id);
  check(stored !== undefined, 'a card that was opened is there');
  const next = card.scheme.giveBack(stored.state, claim, claim.kept, kept);
  return ledger.giveBack(card.id, stored.version, next, claim.tag, kept);
}

/** An idempotency key like no other. */
export function makeIdempotencyKey(): IdempotencyKey {
  return { name: makeTag(), print: makeTag() };
}

export function makeReply(text = 'done'): StoredReply {
  const body = Uint8Array.from(text, (character) => character.charCodeAt(0));
  return {
    status: 201,
    headers: [
      ['content-type', 'text/plain'],
      ['x-empty', ''],
    ],
    body,
  };
}

export function makeOrder(): Order {
  return {
    id: makeTag(),
    items: [
      { denomination: 1000, count: 2 },
      { denomination: 50, count: 1 },
    ],
  };
}

/** The cards that an order is for. */
export function cardsOf({ items }: Pick<Order, 'items'>, key = 'key'): IssuedCard[] {
  return items.flatMap(({ denomination, count }) =>
    Array.from({ length: count }, () => ({ key, units: denomination })),
  );
}
