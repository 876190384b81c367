import { createHash, randomBytes } from 'node:crypto';
import {
  blindMessage,
  computeStateTag,
  computeTag,
  deriveCard,
  derivePaymentKey,
  finalizeSignature,
  fromBase64url,
  prepareMessage,
  sealActivation,
  sealEnvelope,
  toBase64url,
  type Card,
  type CardKind,
  type ClaimedRequest,
} from '../../src/core/index.js';
import {
  formatCredential,
  parseChallenges,
  type Challenge,
  type PaymentPayload,
} from '../../src/core/wire/index.js';
import type { KeyDocument } from '../../src/core/key-document.js';

/** A card held by hand: what a wallet does, one step at a time, so that a test can do any of it wrongly. */

const random = (length: number): Uint8Array => randomBytes(length);

export interface HandCard {
  readonly card: Card;
  readonly document: KeyDocument;
  readonly kind: CardKind;
  readonly keyId: string;
  readonly randomizer: Uint8Array;
  readonly signature: Uint8Array;
}

export type Post = (path: string, body: unknown) => Promise<Response>;

export async function sealJson(
  document: KeyDocument,
  label: 'issue' | 'order' | 'credit',
  content: unknown,
): Promise<object> {
  const plaintext = new TextEncoder().encode(JSON.stringify(content));
  const context = { info: new TextEncoder().encode(`impuls/1 ${label}`), aad: new Uint8Array(0) };
  const sealed = await sealEnvelope(fromBase64url(document.activation.key), context, plaintext);
  return { activation: document.activation.id, sealed: toBase64url(sealed) };
}

/** Redeems a code for one card of the given denomination. */
export async function buyCard(
  post: Post,
  document: KeyDocument,
  code: string,
  kind: CardKind,
  denomination: number,
): Promise<HandCard> {
  const key = document.cards.find((entry) => entry.denomination === denomination)!;
  const card = deriveCard(random(32), kind, denomination);
  const randomizer = random(32);
  const prepared = prepareMessage(randomizer, card.message);
  const n = fromBase64url(key.n);
  const { blinded, inverse } = blindMessage(n, prepared, random);
  const items = [{ blinded: toBase64url(blinded), key: key.id }];
  const response = await post(
    document.endpoints.issue,
    await sealJson(document, 'issue', { items, order: code }),
  );
  const { signatures } = (await response.json()) as { signatures: string[] };
  const signature = finalizeSignature(n, prepared, fromBase64url(signatures[0]!), inverse);
  return { card, document, kind, keyId: key.id, randomizer, signature };
}

export async function activationOf(hand: HandCard, digest: string, nonce = random(16)): Promise<object> {
  const { card, document, keyId, randomizer, signature } = hand;
  const sealed = await sealActivation(
    fromBase64url(document.activation.key),
    { document: fromBase64url(digest), key: keyId },
    { opening: card.opening, randomizer, signature, nonce },
  );
  return { activation: document.activation.id, document: digest, key: keyId, sealed: toBase64url(sealed) };
}

export interface Payable {
  readonly method?: string;
  readonly target: string;
  readonly body?: Uint8Array;
  readonly headers?: ClaimedRequest['headers'];
  readonly seal?: 'aes128gcm';
}

export interface HandClaim {
  readonly authorization: string;
  readonly tag: Uint8Array;
  readonly key: Uint8Array;
}

/** A credential for a request; `wrong` changes the payload after the tag was computed. */
export function claimOf(
  hand: HandCard,
  challenge: Challenge,
  request: Payable,
  numbers: { readonly end: number; readonly units: number },
  wrong: Partial<PaymentPayload> = {},
): HandClaim {
  const { card, document, kind } = hand;
  const digest = request.body && createHash('sha256').update(request.body).digest();
  const claim = {
    card: fromBase64url(card.id),
    protocol: kind.protocol,
    ...numbers,
    nonce: random(16),
    proof: card.source.proof(numbers.end),
  };
  const claimed: ClaimedRequest = {
    method: request.method ?? 'GET',
    target: document.origin + request.target,
    headers: request.headers ?? [],
    digest,
    challengeId: challenge.id,
    seal: request.seal,
  };
  const tag = computeTag(card.keys.auth, claimed, claim);
  const payload: PaymentPayload = { action: 'pay', ...claim, tag, digest, seal: request.seal, ...wrong };
  return {
    authorization: formatCredential(challenge, payload),
    tag,
    key: derivePaymentKey(card.keys.pay, card.source.ikm(numbers.end), claim),
  };
}

/** The challenges of a 402. */
export function challengesOf(response: Response): Challenge[] {
  return parseChallenges(response.headers.get('www-authenticate') ?? '');
}

export function stateRequestOf(hand: HandCard, purpose: 'state' | 'statement', nonce = random(16)): object {
  const card = fromBase64url(hand.card.id);
  const tag = computeStateTag(hand.card.keys.auth, purpose, card, nonce);
  return { card: hand.card.id, nonce: toBase64url(nonce), tag: toBase64url(tag) };
}
