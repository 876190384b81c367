import { toBase64url } from '../core/base64url.js';
import { toHex } from '../core/bytes.js';
import { unitsLeft } from '../core/card-state.js';
import { deriveFingerprint, deriveReference, deriveSealKey } from '../core/claim.js';
import { ImpulsError } from '../core/errors.js';
import { HmacKey } from '../core/hash.js';
import { macReceipt, macState, reportState } from '../core/receipt.js';
import { withSecrets } from '../core/secret.js';
import type { PaymentPayload } from '../core/wire/credential.js';
import { formatReceipt } from '../core/wire/receipt-header.js';
import { formatState, type StateVerdict } from '../core/wire/state-header.js';
import { formatExpires } from '../core/wire/time.js';
import { giveBackUnits, type CardTools } from './accept.js';
import type { Header } from './call.js';
import type { ClaimRecord, Ledger, StoredCard, StoredReply } from './ledger.js';

/** One payment, in the hands of the handler that serves it. Holds the payment key. */
export interface Payment {
  /** Names the payment and shows nothing of the card. base64url, 16 characters. */
  readonly reference: string;
  /** Units charged as it stands. */
  readonly units: number;
  readonly verdict: 'accepted' | 'repeated';
  /** K, 32 bytes, secret: client and vendor hold it, and nobody else. Not enumerable. */
  readonly key: Uint8Array;
  /** Four bytes of hex for people to compare. */
  readonly fingerprint: string;
  /** The key for the body, 32 bytes, secret, if the client asked for a sealed one. Not enumerable. */
  readonly sealKey: Uint8Array | undefined;
  /** Whether the answer is to be kept, so that a repeat gets the same: the method is not safe. Then `keep` ends the claim. */
  readonly keepsReply: boolean;
  /** Keeps the lowest `units` of the claim and returns the rest, durably; once, before the head of the answer. */
  capture(units: number): Promise<void>;
  /** Ends the claim in favour of the vendor. @returns headers for the head of an answer of this status, below 400 */
  settle(status: number): Header[];
  /** After `settle`, where `keepsReply`: the whole answer, or undefined if it was too long. */
  keep(reply: StoredReply | undefined): void;
  /** Returns the units, durably. @returns headers for the head of an answer of 400 or above */
  release(): Promise<Header[]>;
}

export interface PaymentContext {
  readonly ledger: Ledger;
  readonly running: Set<string>;
  /** Milliseconds. */
  readonly clock: () => number;
  /** Hears of failures that no answer can tell, such as a settlement that did not reach the disk. */
  readonly onError: (error: unknown) => void;
}

interface Paid {
  readonly card: StoredCard;
  readonly tools: CardTools;
  readonly verdict: 'accepted' | 'repeated';
  readonly record: ClaimRecord & { readonly key: Uint8Array };
}

export function createPayment(context: PaymentContext, paid: Paid, payload: PaymentPayload): Payment {
  const { ledger, clock, onError, running } = context;
  const { tools, verdict, record } = paid;
  const { id } = paid.card.entry;
  let { card } = paid;
  let { kept } = record;
  // What is served again may have been served before, even if a crash forgot it: its units never come back.
  let resolved = verdict === 'repeated';
  const keepsReply = !record.safe && !resolved;

  const key = new HmacKey(record.key);
  const reference = deriveReference(key);

  function receipt(): Header {
    const timestamp = formatExpires(Math.floor(clock() / 1000));
    const claims = { verdict, units: kept, remaining: unitsLeft(card.state), end: record.end, timestamp };
    return [
      'Payment-Receipt',
      formatReceipt({ ...claims, reference, mac: macReceipt(key, payload.tag, claims) }),
    ];
  }

  const payment: Omit<Payment, 'key' | 'sealKey'> = {
    get reference() {
      return toBase64url(reference);
    },
    get units() {
      return kept;
    },
    verdict,
    get fingerprint() {
      return toHex(deriveFingerprint(record.key));
    },
    keepsReply,

    async capture(units) {
      if (!Number.isInteger(units) || units < 1 || units > kept) {
        throw new ImpulsError(
          'invalid-argument',
          `of this claim 1 to ${kept} units can be captured, not ${units}`,
          {
            hint: 'To charge nothing, answer with an error status: that releases the claim.',
          },
        );
      }
      if (resolved || units === kept) return;
      const given = await giveBackUnits(ledger, card, record, units);
      card = given.card;
      kept = units;
      resolved = true;
    },

    settle(status) {
      running.delete(record.tag);
      resolved = true;
      if (status >= 300) return [stateHeader(card, tools, verdict, payload.tag)];
      return [receipt(), ['Cache-Control', 'private']];
    },

    keep(reply) {
      ledger.settle(id, record.tag, reply).catch(onError);
    },

    async release() {
      if (resolved) return [stateHeader(card, tools, verdict, payload.tag)];
      const given = await giveBackUnits(ledger, card, record, 0);
      running.delete(record.tag);
      card = given.card;
      resolved = true;
      if (given.done) kept = 0;
      return [stateHeader(card, tools, given.done ? 'released' : verdict, payload.tag)];
    },
  };
  return withSecrets(payment, { key: record.key, sealKey: payload.seal && deriveSealKey(record.key) });
}

/** The authenticated state that every answer carries once the tag has held (docs/spec.md §7). */
export function stateHeader(
  card: StoredCard,
  { id, keys }: CardTools,
  verdict: StateVerdict,
  tag: Uint8Array,
  holder?: Uint8Array,
): Header {
  const report = { ...reportState(card.state, card.entry.expires), holder };
  const mac = macState(keys.state, verdict, id, tag, report);
  return ['Impuls-State', formatState({ verdict, ...report, mac })];
}
