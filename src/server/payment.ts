import { toBase64url } from '../core/base64url.js';
import { toHex } from '../core/bytes.js';
import { unitsLeft } from '../core/card-state.js';
import { deriveFingerprint, deriveReference, deriveSealKey } from '../core/claim.js';
import { ImpulsError } from '../core/errors.js';
import { HmacKey } from '../core/hash.js';
import { macReceipt, macState, reportState } from '../core/receipt.js';
import { methodName, type PaymentPayload } from '../core/wire/credential.js';
import { formatReceipt } from '../core/wire/receipt-header.js';
import { formatState, type StateVerdict } from '../core/wire/state-header.js';
import { formatExpires } from '../core/wire/time.js';
import type { CardTools } from './card-tools.js';
import { giveBackUnits, type Undone } from './undone.js';
import type { Call, Header, Reply } from './call.js';
import type { ClaimRecord, Ledger, StoredCard, StoredReply } from './ledger.js';
import type { Meter } from './metering/meter.js';
import type { Meters } from './metering/meters.js';
import { unavailableReply } from './problems.js';
import type { Replies } from './replies.js';

/** One payment, in the hands of the handler that serves it. Holds the payment key. */
export interface Payment {
  /** `impuls`: by a card. Any other was paid by another method, which leaves no units and no key. */
  readonly method: string;
  /** Names the payment and shows nothing of the card. base64url, 16 characters. */
  readonly reference: string;
  /** Units charged as it stands. */
  readonly units: number;
  /** `released`: an earlier payment had the same `Idempotency-Key`, and this one costs nothing. */
  readonly verdict: 'accepted' | 'repeated' | 'released';
  /** K, 32 bytes, secret: client and vendor hold it, and nobody else. No log, inspect or JSON shows it. */
  readonly key: Uint8Array;
  /** Four bytes of hex for people to compare. */
  readonly fingerprint: string;
  /** The key for the body, 32 bytes, secret, if the client asked for a sealed one. Likewise not shown. */
  readonly sealKey: Uint8Array | undefined;
  /** Whether the answer is to be kept, so that a repeat gets the same: the method is not safe. Then `keep` ends the claim. */
  readonly keepsReply: boolean;
  /** The longest body that is kept, in bytes. */
  readonly maxReplyBytes: number;
  /**
   * Has the answer paid as it goes on: the head names a meter, and the client keeps claims in flight that the handler uses up. What this
   * payment holds is used first. To be called before the head; called again it is the same.
   *
   * @throws ImpulsError `unsupported` if the key document has no endpoint for it, or another method paid; `throttled` where too many streams are metered
   */
  meter(): Meter;
  /** Keeps the lowest `units` of the claim and returns the rest, durably; once, before the head of the answer. */
  capture(units: number): Promise<void>;
  /** Ends the claim in favour of the vendor. @returns headers for the head of an answer of this status, below 400 */
  settle(status: number): Header[];
  /** After `settle`, where `keepsReply`: the whole answer, or undefined if it was too long. */
  keep(reply: StoredReply | undefined): void;
  /** Returns the units, durably. @returns headers for the head of an answer of 400 or above */
  release(): Promise<Header[]>;
  /**
   * Reports that `release` failed, or a `capture` after which there is nothing to release: it is done when the claim is sent again.
   *
   * @returns what is said then: nothing that ends the claim
   */
  failed(error: unknown): Reply;
}

export interface PaymentContext {
  readonly ledger: Ledger;
  readonly running: Set<string>;
  readonly undone: Undone;
  readonly meters: Meters;
  /** Milliseconds. */
  readonly clock: () => number;
  /** Hears of failures that no answer can tell, such as a settlement that did not reach the disk. */
  readonly onError: (error: unknown) => void;
}

interface Paid {
  readonly card: StoredCard;
  readonly tools: CardTools;
  readonly verdict: 'accepted' | 'repeated' | 'released';
  readonly record: ClaimRecord & { readonly key: Uint8Array };
}

/** @param shared headers that every answer gets @param replies those of the route */
export function createPayment(
  context: PaymentContext,
  paid: Paid,
  payload: PaymentPayload,
  shared: readonly Header[],
  replies: Replies,
  call: Call,
): Payment {
  return new ClaimPayment(context, paid, payload, shared, replies, call);
}

/** The id of the card that a payment of this vendor's was made with: for what is bound to it, and never for a handler. */
export function cardOf(payment: Payment): string {
  return (payment as Payment & { readonly card: string }).card;
}

/** One for all: it is used for a receipt, and no longer. Secret. */
const receiptKey = new HmacKey(new Uint8Array(32));

/** One is made for each request that is paid: its methods are shared, and its secrets private. */
class ClaimPayment implements Payment {
  readonly method = methodName;
  readonly verdict: 'accepted' | 'repeated' | 'released';
  readonly keepsReply: boolean;
  readonly #replies: Replies;
  readonly #context: PaymentContext;
  readonly #paid: Paid;
  readonly #payload: PaymentPayload;
  readonly #shared: readonly Header[];
  readonly #call: Call;
  #card: StoredCard;
  #kept: number;
  #resolved: boolean;
  #sealKey: Uint8Array | undefined;
  #meter: Meter | undefined;
  /** Units that were to be captured, where that failed. */
  #wanted: number | undefined;

  constructor(
    context: PaymentContext,
    paid: Paid,
    payload: PaymentPayload,
    shared: readonly Header[],
    replies: Replies,
    call: Call,
  ) {
    const { verdict, record, card } = paid;
    this.verdict = verdict;
    this.#context = context;
    this.#paid = paid;
    this.#payload = payload;
    this.#shared = shared;
    this.#replies = replies;
    this.#call = call;
    this.#card = card;
    this.#kept = record.kept;
    // What is served again may have been served before, even if a crash forgot it: its units never come back.
    this.#resolved = verdict !== 'accepted';
    this.keepsReply = !record.safe && !this.#resolved;
  }

  get key(): Uint8Array {
    return this.#paid.record.key;
  }

  get sealKey(): Uint8Array | undefined {
    return (this.#sealKey ??= this.#payload.seal && deriveSealKey(this.key));
  }

  get reference(): string {
    return toBase64url(deriveReference(this.key));
  }

  get fingerprint(): string {
    return toHex(deriveFingerprint(this.key));
  }

  get maxReplyBytes(): number {
    return this.#replies.maxBytes;
  }

  get units(): number {
    return this.#kept;
  }

  get card(): string {
    return this.#card.entry.id;
  }

  meter(): Meter {
    const { tag, route } = this.#paid.record;
    return (this.#meter ??= this.#context.meters.open({
      card: this.card,
      tag,
      route,
      units: this.#kept,
      continues: this.#call.header('impuls-meter'),
    }));
  }

  async capture(units: number): Promise<void> {
    const kept = this.#kept;
    if (!Number.isInteger(units) || units < 1 || units > kept) {
      throw new ImpulsError(
        'invalid-argument',
        `of this claim 1 to ${kept} units can be captured, not ${units}`,
        { hint: 'To charge nothing, answer with an error status: that releases the claim.' },
      );
    }
    if (this.#resolved || units === kept) return;
    const { running } = this.#context;
    // Before it looks settled.
    if (this.keepsReply) running.add(this.#paid.record.tag);
    try {
      // Where a repeat was served meanwhile by another server, all of it stays charged.
      if (await this.#giveBack(units)) this.#kept = units;
    } catch (error) {
      if (this.keepsReply) running.delete(this.#paid.record.tag);
      this.#wanted = units;
      throw error;
    }
    this.#resolved = true;
  }

  settle(status: number): Header[] {
    if (!this.keepsReply) this.#context.running.delete(this.#paid.record.tag);
    this.#resolved = true;
    if (status >= 300) return [this.#state(this.verdict), ...this.#shared];
    const proof = this.verdict === 'released' ? this.#state(this.verdict) : this.#receipt(this.verdict);
    const metered: Header[] = this.#meter ? [['Impuls-Meter', this.#meter.id]] : [];
    return [proof, ['Cache-Control', 'private'], ...metered, ...this.#shared];
  }

  keep(reply: StoredReply | undefined): void {
    const { ledger, onError, running, undone } = this.#context;
    const { id } = this.#card.entry;
    const { tag } = this.#paid.record;
    const kept = reply && this.#replies.admit(id, reply) ? reply : undefined;
    const settle = (): Promise<void> => ledger.settle(id, tag, kept);
    settle().catch((error: unknown) => {
      undone.add(tag, settle);
      onError(error);
    });
    running.delete(tag);
  }

  async release(): Promise<Header[]> {
    this.#meter?.end();
    if (this.#resolved) {
      this.#context.running.delete(this.#paid.record.tag);
      return [this.#state(this.verdict), ...this.#shared];
    }
    const done = await this.#giveBack(0).catch((error: unknown) => {
      this.#leaveUndone(0);
      throw error;
    });
    this.#context.running.delete(this.#paid.record.tag);
    if (!done && this.#wanted !== undefined) {
      // The capture took effect, though the ledger did not say so. An error would tell the client that all of the claim is charged.
      this.#wanted = undefined;
      throw new ImpulsError(
        'storage-failed',
        'the claim was captured, and what came of that is told when it is sent again',
      );
    }
    this.#resolved = true;
    if (done) this.#kept = 0;
    return [this.#state(done ? 'released' : this.verdict), ...this.#shared];
  }

  failed(error: unknown): Reply {
    if (this.#wanted !== undefined) this.#leaveUndone(this.#wanted);
    this.#context.onError(error);
    return unavailableReply(this.#shared);
  }

  /** @returns whether this call did it */
  async #giveBack(kept: number): Promise<boolean> {
    const { card, done } = await giveBackUnits(this.#context.ledger, this.#card, this.#paid.record, kept);
    this.#card = card;
    return done;
  }

  /** When the claim is sent again all but the lowest `kept` units of it are given back. */
  #leaveUndone(kept: number): void {
    const { undone, ledger } = this.#context;
    const { record } = this.#paid;
    this.#wanted = undefined;
    undone.add(record.tag, () => giveBackUnits(ledger, this.#card, record, kept));
  }

  #state(verdict: StateVerdict): Header {
    return stateHeader(this.#card, this.#paid.tools, verdict, this.#payload.tag);
  }

  #receipt(verdict: 'accepted' | 'repeated'): Header {
    const key = receiptKey.rekey(this.key);
    const claims = {
      verdict,
      units: this.#kept,
      remaining: unitsLeft(this.#card.state),
      end: this.#paid.record.end,
      timestamp: formatExpires(Math.floor(this.#context.clock() / 1000)),
    };
    const mac = macReceipt(key, this.#payload.tag, claims);
    return ['Payment-Receipt', formatReceipt({ ...claims, reference: deriveReference(key), mac })];
  }
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
