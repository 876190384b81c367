import { fromBase64url, toBase64url } from '../core/base64url.js';
import { equalBytes } from '../core/bytes.js';
import { gapAround, type CardState } from '../core/card-state.js';
import { derivePaymentKey, verifyTag, type ClaimedRequest } from '../core/claim.js';
import { sha256 } from '../core/hash.js';
import { limits } from '../core/limits.js';
import { spend, type Outcome, type Verdict } from '../core/spend.js';
import type { PaymentPayload } from '../core/wire/credential.js';
import { cardTools, type CardTools } from './card-tools.js';
import type { Counter } from './counter.js';
import { idempotencyKeyOf } from './idempotency.js';
import type { ClaimRecord, CreditTo, Ledger, StoredCard } from './ledger.js';
import type { Load } from './load.js';
import { giveBackUnits, type Undone } from './undone.js';

/** From a parsed credential to a verdict that is durable: docs/spec.md §6.4, in its order. */

const empty = new Uint8Array(0);

/** What the route and the moment say. */
export interface ClaimTerms {
  readonly price: number;
  readonly charge: 'price' | 'capture';
  readonly safe: boolean;
  /** What the client named an unsafe request by: its `Idempotency-Key`. */
  readonly idempotencyKey?: string | undefined;
  /** Its class, for the books. */
  readonly route: string;
  /** Unix seconds. */
  readonly now: number;
  /** Unix seconds; undefined if the challenge is not ours. */
  readonly challengeExpires: number | undefined;
  /** Whether a single-use challenge is free for this claim; asked last before it is taken. */
  readonly challengeFree: (tag: string) => boolean;
  /** Whether the claim asks for a sealed answer, where the route demands it. */
  readonly sealed: boolean;
  /** The body that arrived, if there is one. Not asked for before the tag holds: strangers cannot make a vendor keep what they send. */
  readonly body: (() => Promise<Uint8Array>) | undefined;
  /** Of a route that takes cards back, for a body. */
  readonly takingBack?: ((body: Uint8Array) => TakingBack) | undefined;
}

/** How a route takes cards back: the units of a claim go to an order, and become no revenue. */
export interface TakingBack {
  /** Seconds after its end in which a card can still be given back. */
  readonly graceSeconds: number;
  /** Asked when all else holds. @returns undefined if the body names no order that takes units */
  readonly orderOf: () => Promise<CreditTo | undefined>;
}

/** What became of a credential. */
export type Acceptance =
  /** `restored`: the card may have been opened after the backup that the ledger was restored from. */
  | { readonly status: 'unknown'; readonly reason: 'card' | 'tag' | 'restored' }
  /** There is too much to do; nothing was changed. */
  | { readonly status: 'shed' }
  | (Authentic & {
      readonly status: 'paid';
      readonly verdict: 'accepted' | 'repeated';
      readonly record: ClaimRecord & { readonly key: Uint8Array };
      /** What arrived. */
      readonly body: Uint8Array;
    })
  | (Authentic & {
      readonly status: 'refused';
      readonly verdict: Exclude<Verdict, 'accepted' | 'repeated'>;
      readonly holder?: Uint8Array | undefined;
    })
  /** Released from the beginning: an earlier claim has the same idempotency key. */
  | (Authentic & {
      readonly status: 'superseded';
      readonly verdict: 'released';
      readonly record: ClaimRecord & { readonly key: Uint8Array };
      readonly earlier: ClaimRecord;
      /** `same`: the earlier one is settled, and was for the same request. `unknown`: it was interrupted. `other`: another request. */
      readonly request: 'same' | 'unknown' | 'other';
    });

interface Authentic {
  readonly card: StoredCard;
  readonly tools: CardTools;
}

export interface Accepting {
  readonly ledger: Ledger;
  readonly load: Load;
  /** How often each settled claim was served again, and how often a card's proofs failed. In memory, bounded. */
  readonly repeats: Counter;
  readonly forgeries: Counter;
  /**
   * Tags of claims that are in progress though their records look settled: those of safe methods whose handlers run now, and
   * those of unsafe ones that have captured their units and are to have a reply yet.
   */
  readonly running: Set<string>;
  /** What a failing ledger has left undone. */
  readonly undone: Undone;
}

export async function acceptClaim(
  context: Accepting,
  payload: PaymentPayload,
  request: ClaimedRequest,
  terms: ClaimTerms,
): Promise<Acceptance> {
  const { ledger, load } = context;
  const id = toBase64url(payload.card);
  const looking = load.lookups.enter();
  if (!looking) return { status: 'shed' };
  let card: StoredCard | undefined;
  try {
    card = ledger.recallCard ? await ledger.recallCard(id) : await ledger.readCard(id);
  } finally {
    looking.leave();
  }
  if (!card) {
    const holds = (await ledger.quarantined()).length > 0;
    return { status: 'unknown', reason: holds ? 'restored' : 'card' };
  }
  if (card.entry.protocol !== payload.protocol) return { status: 'unknown', reason: 'card' };
  const tools = cardTools(card.entry);
  if (!verifyTag(tools.keys.auth, request, payload, payload.tag)) return { status: 'unknown', reason: 'tag' };
  const body = terms.body ? await terms.body() : empty;
  // It may have taken its time.
  if (body.length > 0 && !ledger.recallCard) card = (await ledger.readCard(id)) ?? card;
  const place = load.claims.enter();
  if (!place) return { status: 'shed' };
  try {
    return await judge(context, card, tools, payload, request, terms, body);
  } finally {
    place.leave();
  }
}

/** @param found the card, whose tag holds */
async function judge(
  context: Accepting,
  found: StoredCard,
  tools: CardTools,
  payload: PaymentPayload,
  request: ClaimedRequest,
  terms: ClaimTerms,
  body: Uint8Array,
): Promise<Acceptance> {
  const { ledger, repeats, forgeries, running, undone } = context;
  let card = found;
  let isCurrent = ledger.recallCard === undefined;
  const { id } = card.entry;
  const tag = toBase64url(payload.tag);
  const takingBack = terms.takingBack?.(body);
  const named =
    terms.idempotencyKey === undefined
      ? undefined
      : idempotencyKeyOf(tools.keys.auth, request, terms.idempotencyKey);
  if (undone.has(tag)) {
    await undone.finish(tag);
    running.delete(tag);
    card = (await ledger.readCard(id)) ?? card;
  }
  const bodyMatches = terms.sealed && matches(body, payload.digest);

  for (;;) {
    // A claim beyond the top was never accepted: only the others need a look at the records.
    const record = payload.end <= card.state.top ? await ledger.findClaim(id, tag, payload.end) : undefined;
    if (!record && forgeries.count(id) >= limits.forgeriesPerCard)
      return { status: 'refused', verdict: 'forged', card, tools };
    const outcome = spend(tools.scheme, card.state, payload, {
      known: record && { status: statusOf(record, running), safe: record.safe, repeats: repeats.count(tag) },
      price: terms.price,
      charge: terms.charge,
      cardHeld: card.held === true,
      cardExpired: terms.now >= card.entry.expires + (takingBack?.graceSeconds ?? 0),
      challengeExpired: (terms.challengeExpires ?? 0) <= terms.now || !terms.challengeFree(tag),
      bodyMatches,
    });

    // Nothing is refused, and nothing told, because of what another server has changed since.
    if (!isCurrent && outcome.verdict !== 'accepted') {
      card = (await ledger.readCard(id)) ?? card;
      isCurrent = true;
      continue;
    }
    if (outcome.verdict === 'repeated') {
      if (!record?.key) return { status: 'refused', verdict: 'already-claimed', card, tools };
      if (record.status !== 'settled') {
        // Another server of the same ledger may serve it at this moment: of serving it again and giving it back one wins.
        await ledger.settle(id, tag);
        continue;
      }
      repeats.add(tag);
      const known = { ...record, key: record.key };
      return { status: 'paid', verdict: 'repeated', card, tools, record: known, body };
    }
    const earlier = named && isFree(outcome) ? await ledger.findIdempotent(id, named.name) : undefined;
    if (outcome.verdict === 'released' && earlier?.status === 'settled' && record?.key) {
      // It was told that before, and the answer may have been lost.
      return supersede({ card, tools }, { ...record, key: record.key }, earlier, named!.print, repeats);
    }
    const from = payload.protocol === 'chain' ? payload.end - payload.units : payload.end - 1;
    if (
      outcome.verdict === 'conflict' ||
      (outcome.verdict === 'expired' && isTaken(card.state, from, payload))
    ) {
      const holder = await ledger.findHolder(id, from, payload.end);
      // Nothing remembers who took it, so that it may have been this claim: it is not told that it costs nothing.
      if (!holder) return { status: 'refused', verdict: 'already-claimed', card, tools };
      if (outcome.verdict === 'conflict') {
        return { status: 'refused', verdict: 'conflict', card, tools, holder: fromBase64url(holder.tag, 16) };
      }
    }
    if (outcome.verdict === 'forged') forgeries.add(id);
    if (outcome.verdict !== 'accepted') return { status: 'refused', verdict: outcome.verdict, card, tools };

    if (earlier && statusOf(earlier, running) === 'pending') {
      return { status: 'refused', verdict: 'in-progress', card, tools };
    }
    const accepted = {
      tag,
      end: payload.end,
      units: payload.units,
      kept: outcome.kept,
      proof: payload.proof,
      route: terms.route,
      status: 'pending' as const,
      safe: terms.safe,
      key: derivePaymentKey(tools.keys.pay, outcome.ikm, payload),
      idempotency: named,
      acceptedAt: terms.now,
      challengeExpires: terms.challengeExpires!,
    };
    if (earlier) {
      const record = { ...accepted, kept: 0, status: 'released' as const, idempotency: undefined };
      const next = tools.scheme.giveBack(outcome.next, payload, outcome.kept, 0);
      if (await ledger.accept(id, card.version, next, record)) {
        const moved = { entry: card.entry, state: next, version: card.version + 1 };
        return supersede({ card: moved, tools }, record, earlier, named!.print, repeats);
      }
    }
    const done = earlier
      ? false
      : takingBack
        ? await credit(ledger, card, outcome.next, accepted, takingBack)
        : await accept(context, card, outcome.next, accepted);
    if (done === 'closed') return { status: 'refused', verdict: 'mismatched', card, tools };
    if (done) {
      if (accepted.safe) running.add(tag);
      const moved = { entry: card.entry, state: outcome.next, version: card.version + 1 };
      return { status: 'paid', verdict: 'accepted', card: moved, tools, record: accepted, body };
    }
    const fresh = await ledger.readCard(id);
    if (!fresh) return { status: 'unknown', reason: 'card' };
    card = fresh;
    isCurrent = true;
  }
}

/** Whether any of `(from, end]` is held, or burned. */
function isTaken(state: CardState, from: number, { end }: PaymentPayload): boolean {
  return from < state.top && !gapAround(state, from, end);
}

/** Whether a claim would be, or was, free to take the place of another one with its idempotency key. */
function isFree({ verdict }: Outcome): boolean {
  return verdict === 'accepted' || verdict === 'released';
}

function supersede(
  authentic: Authentic,
  record: ClaimRecord & { readonly key: Uint8Array },
  earlier: ClaimRecord,
  print: string,
  repeats: Counter,
): Acceptance {
  const isSame = earlier.idempotency?.print === print;
  if (isSame) repeats.add(earlier.tag);
  const request = !isSame ? 'other' : earlier.status === 'settled' ? 'same' : 'unknown';
  return { status: 'superseded', verdict: 'released', ...authentic, record, earlier, request };
}

/** As `Ledger.accept`. A claim that may have been accepted, and whose handler never runs, is given back when it is sent again. */
function accept(
  { ledger, undone }: Accepting,
  card: StoredCard,
  next: CardState,
  claim: ClaimRecord,
): Promise<boolean> {
  const done = ledger.accept(card.entry.id, card.version, next, claim);
  if (claim.safe) return done;
  return done.catch((error: unknown) => {
    undone.add(claim.tag, () => giveBackUnits(ledger, card, claim, 0));
    throw error;
  });
}

/** As `Ledger.accept`, and the units go to an order. */
async function credit(
  ledger: Ledger,
  { entry, version }: StoredCard,
  next: CardState,
  claim: ClaimRecord,
  { orderOf }: TakingBack,
): Promise<boolean | 'closed'> {
  const order = await orderOf();
  if (!order) return 'closed';
  const done = await ledger.credit(entry.id, version, next, claim, order);
  return done === 'closed' ? done : done === 'credited';
}

/**
 * A claim of a safe method that has been served is as good as settled: it can only be served again. So its record is left
 * pending, and a payment costs one write to the ledger, not two. One of an unsafe method that has captured its units is
 * settled before it has its reply.
 */
function statusOf({ status, safe, tag }: ClaimRecord, running: ReadonlySet<string>): ClaimRecord['status'] {
  if (status === 'pending') return safe && !running.has(tag) ? 'settled' : status;
  return status === 'settled' && !safe && running.has(tag) ? 'pending' : status;
}

/** A request without a body has no digest, one with a body has its own. */
function matches(body: Uint8Array, digest: Uint8Array | undefined): boolean {
  if (body.length === 0) return digest === undefined;
  return digest !== undefined && equalBytes(sha256(body), digest);
}
