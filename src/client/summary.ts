import type { CardId } from '../core/card.js';
import type { GeneratorName } from '../core/generators.js';
import type { ProtocolName } from '../core/protocol.js';

/** What a wallet tells of itself: no seed, no key, no voucher code. Plain data, fit to be shown or sent as JSON. */

export interface CardSummary {
  readonly vendor: {
    readonly origin: string;
    /** As the key document names it. */
    readonly name: string;
  };
  readonly id: CardId;
  readonly protocol: ProtocolName;
  /** Of `stream` only. */
  readonly generator?: GeneratorName | undefined;
  /** Units bought. */
  readonly units: number;
  /** Units that can be claimed now. `units` = `left` + `reserved` + what was spent. */
  readonly left: number;
  /** Units held by claims whose outcome is not known yet. */
  readonly reserved: number;
  /** What `left` is worth, e.g. `0.075 USD`. */
  readonly worth: string;
  /** Unix seconds, by the vendor's clock. */
  readonly expires: number;
  /** Unix seconds, by the wallet's clock: the card pays nothing before. Absent: it does at once. */
  readonly usableFrom?: number;
  /**
   * `ready`: not shown to the vendor yet; activated with the first payment. `active`: activated. `empty`: all spent.
   * `expired`: past `expires`. `refused`: the vendor said that a proof does not hold; the card is not used any more.
   */
  readonly status: 'ready' | 'active' | 'empty' | 'expired' | 'refused';
}

/** What an exchange or a refund takes, as far as the wallet knows. */
export interface ExchangePlan {
  /** The vendor's origin. */
  readonly vendor: string;
  /** Units that each card gives, and those that stay on it. */
  readonly takes: readonly { readonly card: CardId; readonly units: number; readonly left: number }[];
  /** Units given in all. */
  readonly units: number;
  /** What they are worth, e.g. `0.1 USD`. */
  readonly worth: string;
  /** Units of each new card, the largest first; none for a refund. */
  readonly into: readonly number[];
  /** Of an exchange: by what the vendor could still guess which new cards come from which old ones. Sentences for people. */
  readonly links: readonly string[];
}

/** Units that were given back, to be paid out by the vendor. */
export interface Refund {
  /** The vendor's origin. */
  readonly vendor: string;
  /** What the vendor pays out to whoever shows it: 20 characters in groups of five, secret. */
  readonly reference: string;
  /** Units given so far. */
  readonly units: number;
  readonly worth: string;
  /** When it was begun: Unix milliseconds, by the wallet's clock. */
  readonly time: number;
  /** Whether all is given that was to be. */
  readonly isComplete: boolean;
}

/** A payment that was settled. */
export interface Payment {
  /** Unix milliseconds, by the wallet's clock. */
  readonly time: number;
  /** Upper case. */
  readonly method: string;
  readonly url: string;
  /** Units charged. */
  readonly units: number;
  /** What they were worth, e.g. `0.003 USD`. */
  readonly worth: string;
  /** The public name of the payment, 12 bytes as base64url. */
  readonly reference: string;
  /** For two people to see that both sides hold the same payment key: 4 bytes in hex. */
  readonly fingerprint: string;
  readonly card: CardId;
  readonly vendor: string;
  readonly protocol: ProtocolName;
  /** The number that the claim ended at: a unit of `chain`, a step of `stream`. */
  readonly end: number;
  /** Units left on the card, as the vendor says; absent where its answer did not tell. */
  readonly remaining?: number | undefined;
  /** What settled it. `outcome-unknown`: charged, the vendor stopped while it ran. `already-claimed`: charged, not served again. */
  readonly verdict: 'accepted' | 'repeated' | 'outcome-unknown' | 'already-claimed';
}

/** A payment with what only the two sides know. */
export interface KeyedPayment extends Payment {
  /** K, the payment key: 32 bytes, secret. Not enumerable. */
  readonly key: Uint8Array;
}

/** What became of an unsettled claim. */
export interface RecoveredClaim {
  readonly card: CardId;
  readonly method: string;
  readonly url: string;
  /** Units claimed. */
  readonly units: number;
  /** Units charged; 0 unless settled. */
  readonly charged: number;
  /** `unknown`: the vendor could not be asked, or did not say so that it can be trusted; the claim stays. */
  readonly result: 'settled' | 'freed' | 'unknown';
  /** In words, for people. */
  readonly reason: string;
}

export interface RecoveryReport {
  /** Cards that interrupted redemptions and exchanges brought. */
  readonly redeemed: readonly CardSummary[];
  /** Redemptions, exchanges and refunds that could not be finished, with the error's message. The voucher code is not told. */
  readonly unfinished: readonly { readonly vendor: string; readonly reason: string }[];
  /** Cards whose activation was finished. */
  readonly activated: readonly CardId[];
  readonly claims: readonly RecoveredClaim[];
  /** Exchanges whose cards are ordered later, that the time tells nothing; Unix milliseconds. */
  readonly waiting: readonly { readonly vendor: string; readonly until: number }[];
}

/** A card of a backup that was not taken into the wallet. */
export interface SkippedCard {
  /** The vendor's origin. */
  readonly vendor: string;
  /** The id of its issuing key, which the vendor names no more. */
  readonly key: string;
}

/** Where a longer task is. */
export interface Progress {
  readonly step:
    'document' | 'order' | 'blind' | 'issue' | 'verify' | 'activate' | 'claim' | 'deposit' | 'wait';
  /** How many of `total` are done: cards, claims; with `deposit` units, with `wait` seconds. */
  readonly done: number;
  readonly total: number;
}
