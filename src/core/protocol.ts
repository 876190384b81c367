import type { Reader } from './bytes.js';
import type { CardState, Spending, Taken } from './card-state.js';
import { chain } from './chain.js';
import { malformed } from './errors.js';
import type { GeneratorName } from './generators.js';
import { stream } from './stream.js';

/** The two protocols as two entries of one table; nothing downstream asks which one it has. */

export type ProtocolName = 'chain' | 'stream';

/** What a wallet chooses when it makes a card. */
export interface CardKind {
  readonly protocol: ProtocolName;
  /** For `stream` only; default `chacha20`. */
  readonly generator?: GeneratorName;
}

export interface Protocol {
  readonly name: ProtocolName;
  /** Its byte in openings and transcripts. */
  readonly id: number;
  /** Bytes of a claim's proof. */
  readonly proofBytes: number;
  /** The most units that a card can hold. */
  readonly maxUnits: number;
  /** The lowest end that a claim of so many units can have. */
  leastEnd(units: number): number;
  /** The wallet's side of a card. @param seed 32 bytes, secret */
  derive(seed: Uint8Array, units: number, generator: GeneratorName): Source;
  /** Reads the middle of an opening, between the protocol byte and the master secret. @throws ImpulsError `malformed` */
  readScheme(reader: Reader): Opened;
  /** The vendor's side again, from what `Scheme.encode` wrote. */
  decodeScheme(bytes: Uint8Array): Scheme;
}

/** The wallet's side: what each claim reveals. Secret. */
export interface Source {
  /** The middle of the opening: what it shows of the card beside the master secret. */
  readonly opening: Uint8Array;
  /** The secret input of the payment key of the claim that ends at `end` (1 ≤ end). 32 bytes. */
  ikm(end: number): Uint8Array;
  /** The proof of that claim. */
  proof(end: number): Uint8Array;
}

/** The vendor's side: the pure rules by which a state moves. */
export interface Scheme {
  readonly protocol: ProtocolName;
  /** Public parameters, to be kept beside the state. */
  encode(): Uint8Array;
  /** Takes the units of a claim, or says why not. */
  take(state: CardState, spending: Spending): Taken;
  /** Takes again what was taken before, as on a replay of the journal: no proof is checked. */
  retake(state: CardState, spending: Spending): CardState;
  /** Of a claim that holds its lowest `held` units, gives back all but the lowest `kept`; always succeeds. */
  giveBack(state: CardState, spending: Spending, held: number, kept: number): CardState;
}

export interface Opened {
  readonly scheme: Scheme;
  /** The state's tip before the first claim. */
  readonly tip: Uint8Array;
}

export const protocols: Readonly<Record<ProtocolName, Protocol>> = { chain, stream };

/** @throws ImpulsError `malformed` for an unknown byte */
export function protocolById(id: number): Protocol {
  const found = Object.values(protocols).find((protocol) => protocol.id === id);
  if (!found) throw malformed(`no protocol ${id}`);
  return found;
}
