import { ed25519 } from '@noble/curves/ed25519.js';
import { equalBytes, Writer } from './bytes.js';
import type { CardState } from './card-state.js';
import { keyOf } from './claim.js';
import type { HmacKey } from './hash.js';

/** What comes back from a vendor and how each is authenticated (docs/spec.md §7). */

/** The state of a card as the vendor tells it: no link, no generator state. */
export interface CardReport {
  readonly units: number;
  readonly spent: number;
  readonly top: number;
  /** Unix seconds. */
  readonly expires: number;
  /** Ranges `(from, to]` that nobody holds. */
  readonly gaps: readonly (readonly [from: number, to: number])[];
  /** Only with `conflict`: the tag of the claim that holds what was asked for, 16 bytes. */
  readonly holder?: Uint8Array | undefined;
}

export function reportState(state: CardState, expires: number): CardReport {
  const { units, spent, top } = state;
  return { units, spent, top, expires, gaps: state.gaps.map(({ from, to }) => [from, to] as const) };
}

const empty = new Uint8Array(0);
/** One for all: a buffer for each receipt would be most of what a payment leaves to the garbage collector. */
const shared = new Writer(1024);

function writeReport(writer: Writer, report: CardReport): Writer {
  writer.u32(report.units).u32(report.spent).u32(report.top).u32(report.expires).u32(report.gaps.length);
  for (const [from, to] of report.gaps) writer.u32(from).u32(to);
  return writer.field(report.holder ?? empty);
}

/**
 * The MAC of a state under the card's key T.
 *
 * @param verdict what the state answers: a verdict, "activate" or "state"
 * @param card 16 bytes
 * @param nonce the claim's tag, or the nonce that the client sent; 16 bytes
 * @returns 16 bytes
 */
export function macState(
  key: HmacKey,
  verdict: string,
  card: Uint8Array,
  nonce: Uint8Array,
  report: CardReport,
): Uint8Array {
  const content = shared.reset().label('impuls/1 state').text(verdict).raw(card).raw(nonce);
  return key.mac(writeReport(content, report).bytes(), 16);
}

export function verifyState(
  key: HmacKey,
  message: CardReport & { readonly verdict: string; readonly mac: Uint8Array },
  card: Uint8Array,
  nonce: Uint8Array,
): boolean {
  return equalBytes(macState(key, message.verdict, card, nonce, message), message.mac);
}

/** The tag by which the holder of a card asks for its state. @param auth the card's key A @returns 16 bytes */
export function computeStateTag(
  auth: HmacKey,
  purpose: 'state' | 'statement',
  card: Uint8Array,
  nonce: Uint8Array,
): Uint8Array {
  return auth.mac(
    shared.reset().label('impuls/1 state request').text(purpose).raw(card).raw(nonce).bytes(),
    16,
  );
}

/** What a receipt says, but for its MAC and its reference. */
export interface ReceiptClaims {
  readonly verdict: 'accepted' | 'repeated';
  /** Units charged. */
  readonly units: number;
  /** Units left on the card. */
  readonly remaining: number;
  readonly end: number;
  /** RFC 3339. */
  readonly timestamp: string;
}

/** @param paymentKey K, secret @param tag of the claim, 16 bytes @returns 16 bytes */
export function macReceipt(
  paymentKey: Uint8Array | HmacKey,
  tag: Uint8Array,
  receipt: ReceiptClaims,
): Uint8Array {
  const content = shared.reset().label('impuls/1 receipt').raw(tag).text(receipt.verdict).u32(receipt.units);
  content.u32(receipt.remaining).u32(receipt.end).text(receipt.timestamp);
  return keyOf(paymentKey).mac(content.bytes(), 16);
}

export function verifyReceipt(
  paymentKey: Uint8Array,
  tag: Uint8Array,
  receipt: ReceiptClaims & { readonly mac: Uint8Array },
): boolean {
  return equalBytes(macReceipt(paymentKey, tag, receipt), receipt.mac);
}

/** A state that the vendor has signed: evidence against it. */
export interface StatementClaims {
  readonly origin: string;
  /** m, 32 bytes. */
  readonly message: Uint8Array;
  /** Unix seconds. */
  readonly time: number;
  /** chain: w_top, 32 bytes. stream: empty. */
  readonly tip: Uint8Array;
  readonly report: CardReport;
}

function encodeStatement(statement: StatementClaims): Uint8Array {
  const writer = new Writer().label('impuls/1 statement').text(statement.origin).raw(statement.message);
  return writeReport(writer.u32(statement.time).field(statement.tip), statement.report).take();
}

/** Ed25519 (RFC 8032). @param secretKey 32 bytes, secret @returns 64 bytes */
export function signStatement(secretKey: Uint8Array, statement: StatementClaims): Uint8Array {
  return ed25519.sign(encodeStatement(statement), secretKey);
}

/** @param publicKey the key document's statement key, 32 bytes */
export function verifyStatement(
  publicKey: Uint8Array,
  statement: StatementClaims,
  signature: Uint8Array,
): boolean {
  return (
    signature.length === 64 &&
    publicKey.length === 32 &&
    ed25519.verify(signature, encodeStatement(statement), publicKey)
  );
}
