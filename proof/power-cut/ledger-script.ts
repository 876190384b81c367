import { toBase64url } from '../../src/core/base64url.js';
import { deriveCard, readOpening } from '../../src/core/card.js';
import type { CardEntry, ClaimRecord, CreditTo, Order } from '../../src/server/index.js';
import type { TestCard } from '../../src/testing/cards.js';

/** What happens to the ledger, so that who checks it knows without being told. */

const units = 1 << 12;
const cards = new Map<number, TestCard>();

export function cardAt(number: number): TestCard {
  let made = cards.get(number);
  if (!made) cards.set(number, (made = makeCard(number)));
  return made;
}

function makeCard(number: number): TestCard {
  const kind = number % 2 ? ({ protocol: 'stream' } as const) : ({ protocol: 'chain' } as const);
  const card = deriveCard(new Uint8Array(32).fill(number + 1), kind, units);
  const { id, message, master, scheme, state } = readOpening(card.opening, units);
  const keyId = nameOf('key', number % 3, 0);
  const entry: CardEntry = {
    ...{ id, message, keyId, master, protocol: scheme.protocol, scheme: scheme.encode() },
    expires: 1_900_000_000,
  };
  return { id, entry, scheme, source: card.source, state };
}

/** Unix seconds. */
export function acceptedAt(turn: number): number {
  return 1_800_000_000 + 600 * turn;
}

export type TurnKind = 'leave' | 'settle' | 'release' | 'keep-one' | 'credit';
const kinds: readonly TurnKind[] = ['settle', 'leave', 'release', 'settle', 'keep-one', 'credit', 'settle'];

export function turnKind(turn: number): TurnKind {
  return kinds[turn % kinds.length]!;
}

/** Each turn has units of its own: what is given back is not asked for again. */
export function claimAt(number: number, turn: number): ClaimRecord {
  const { source } = cardAt(number);
  const end = 3 * turn + 3;
  const asked = 3;
  return {
    tag: nameOf('tag', number, turn),
    end,
    units: asked,
    kept: asked,
    proof: source.proof(end),
    route: '/tick',
    status: 'pending',
    safe: turn % 2 === 0,
    key: source.ikm(end),
    acceptedAt: acceptedAt(turn),
    challengeExpires: acceptedAt(turn) + 300,
  };
}

export function creditOf(number: number, turn: number): CreditTo {
  return { order: nameOf('credit', number, turn), purpose: turn % 2 ? 'refund' : 'exchange' };
}

export function orderAt(turn: number): Order {
  return { id: nameOf('order', 0, turn), items: [{ denomination: 100, count: 1 }] };
}

export function codeAt(turn: number, serial: number): string {
  return nameOf('code', serial, turn);
}

/** 16 bytes, base64url. */
function nameOf(kind: string, number: number, turn: number): string {
  const bytes = new Uint8Array(16);
  for (let i = 0; i < kind.length; i++) bytes[i] = kind.charCodeAt(i);
  new DataView(bytes.buffer).setUint32(8, number);
  new DataView(bytes.buffer).setUint32(12, turn);
  return toBase64url(bytes);
}
