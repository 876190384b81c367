import { toBase64url } from '../core/base64url.js';
import type { CardId } from '../core/card.js';
import { ImpulsError } from '../core/errors.js';
import { worthOf } from '../core/key-document.js';
import type { CardKind } from '../core/protocol.js';
import { parseVoucherCode } from '../core/voucher-code.js';
import { freeUnits } from './allocate.js';
import { createCircuits, type PrivacyLevel, type Transport } from './circuits.js';
import { checkOrigin, platformRandom, platformSleep, type Environment } from './environment.js';
import { createUse } from './leases.js';
import { Journal, type HeldCard } from './journal.js';
import type { KeyChecks, KeyReport } from './key-checks.js';
import { activate, checkKeys, loadLater, redeem, refreshState } from './obtain.js';
import { keepParts, type Parts } from './parts.js';
import { createPurse } from './purse.js';
import type { WalletStorage } from './storage.js';
import type {
  CardSummary,
  ExchangePlan,
  Payment,
  Progress,
  RecoveryReport,
  Refund,
  SkippedCard,
} from './summary.js';
import { createTurns } from './turns.js';
import { createVendors, type Vendors } from './vendors.js';

/** What a wallet needs of the world. */
export interface WalletOptions {
  readonly storage: WalletStorage;
  /** For everything, unless there is a transport. Default: `globalThis.fetch`. */
  readonly fetch?: typeof fetch;
  /** In the place of `fetch`: a way to the network for each sale, each card and each look at keys. Default: one way for all. */
  readonly transport?: Transport;
  /** Default: `unlinkable-sale`. */
  readonly privacy?: PrivacyLevel;
  /**
   * Seconds, at most 30 days. A new card is not shown to its vendor before a time that is drawn evenly from so many, so that the time does
   * not tell at which sale it was bought. Default: 0.
   */
  readonly activationDelay?: number;
  /** Unix milliseconds. Default: `Date.now`. */
  readonly clock?: () => number;
  /** @returns that many random bytes. Default: `crypto.getRandomValues`. */
  readonly random?: (length: number) => Uint8Array;
  /** Waits before something is sent again; rejects when the signal is aborted. Default: `setTimeout`. */
  readonly sleep?: (milliseconds: number, signal?: AbortSignal) => Promise<void>;
  /** What the keys of a vendor are compared with before something is bought. Default: with the pinned document only. */
  readonly keyChecks?: KeyChecks;
  /** Told what a person who looks for a fault would want to know. Never a secret. */
  readonly log?: (message: string) => void;
}

/** How the cards of a redemption are made. */
export interface RedeemOptions extends CardKind {
  readonly onProgress?: (progress: Progress) => void;
}

export interface ProgressOptions {
  readonly onProgress?: (progress: Progress) => void;
}

export interface RestoreOptions extends ProgressOptions {
  /** Told of each card of the backup that is left out. */
  readonly onSkipped?: (card: SkippedCard) => void;
}

export interface RefundOptions extends ProgressOptions {
  /** Those that give. Default: all of the vendor that have anything to give, also in the time of grace after their end. */
  readonly cards?: readonly CardId[];
  /** Ends it early. What is given by then stays given, and `recover` goes on with it. */
  readonly signal?: AbortSignal;
}

export interface ExchangeOptions extends RefundOptions, Partial<CardKind> {
  /** Those that give. Default: all of the vendor that were used and have something left, or have ended. */
  readonly cards?: readonly CardId[];
  /** Units of each new card. Default: of the cards on sale the largest ones that the units make; what makes none stays where it is. */
  readonly into?: readonly number[];
  /**
   * How long the wallet waits between giving the units and ordering the cards, so that less can be told from the time. It is drawn
   * evenly. Default 20 to 120 seconds.
   */
  readonly delay?: ExchangeDelay | 'none';
}

export interface ExchangeDelay {
  readonly leastMs: number;
  readonly mostMs: number;
}

/** A wallet: bearer cards of any number of vendors, and the journal of what is paid with them. */
export interface Wallet {
  /**
   * Turns a voucher code into cards. Interrupted at any point it is finished by calling it again with the same code, or
   * by `recover`.
   *
   * @param vendor the vendor's origin, e.g. `https://news.example`
   * @param code as printed; case, spaces and dashes do not matter
   * @throws ImpulsError `malformed`, `order-unknown`, `order-served`, `throttled`, `bad-document`, `bad-signature`, `network`
   */
  redeem(vendor: string, code: string, options: RedeemOptions): Promise<CardSummary[]>;
  /**
   * Compares the keys that a vendor shows now with the pinned ones, and with the copies of `keyChecks`. Changes nothing.
   *
   * @param checks in the place of those of the wallet
   * @throws ImpulsError `bad-document` or `network` if the vendor shows no keys, `invalid-argument`
   */
  checkKeys(vendor: string, checks?: KeyChecks): Promise<KeyReport>;
  /**
   * Turns what is left on cards into new ones that no message links to them: tails, gaps, many small ones, one large one. Interrupted
   * at any point it is finished by calling it again, or by `recover`, which leaves it alone until its wait is over. Cards keep
   * the kind of the first that gives, unless `protocol` says another one.
   *
   * @param vendor the vendor's origin
   * @throws ImpulsError `unsupported` if the vendor takes no cards back; `no-card` if the units make no whole card; `card-unknown`,
   *   `invalid-argument`, `unsettled`, `key-retired`, `bad-document`, `network`; the signal's reason
   */
  exchange(vendor: string, options?: ExchangeOptions): Promise<CardSummary[]>;
  /** What `exchange` would do, as far as the wallet knows. Begins nothing. @throws as `exchange` */
  planExchange(vendor: string, options?: ExchangeOptions): Promise<ExchangePlan>;
  /**
   * Gives what is left on cards back, against a reference that the vendor pays out. Interrupted it is finished as an exchange is.
   *
   * @throws ImpulsError `unsupported` if the vendor refunds nothing; else as `exchange`
   */
  refund(vendor: string, options?: RefundOptions): Promise<Refund>;
  /** What `refund` would do, as far as the wallet knows. Begins nothing. @throws as `refund` */
  planRefund(vendor: string, options?: RefundOptions): Promise<ExchangePlan>;
  /** The refunds that the wallet remembers, the last one first. */
  refunds(): Promise<Refund[]>;
  /** Forgets a refund, as after it was paid out. @throws ImpulsError `malformed`, `order-unknown`; `unsettled` for one that is not finished */
  forgetRefund(reference: string): Promise<void>;
  /** As last known. */
  cards(): CardSummary[];
  /** The last payments, at most 1,000, newest first. */
  history(): Payment[];
  /** Finishes what was interrupted: redemptions, activations, and claims whose outcome is not known. */
  recover(options?: ProgressOptions): Promise<RecoveryReport>;
  /** All cards as text. Secret: who has it can spend them. */
  backup(): Promise<string>;
  /**
   * Adds the cards of a backup that are not there yet, and asks their vendors what is left on each. A card whose key its vendor
   * names no more is left out: cards of such a key have expired.
   *
   * @returns the cards added
   * @throws ImpulsError `malformed`, `unsupported`, `bad-document`, `bad-signature`, `network`
   */
  restore(text: string, options?: RestoreOptions): Promise<CardSummary[]>;
  /**
   * Asks the vendor for the state of a card; not for one that was never shown to it.
   *
   * @throws ImpulsError `card-unknown`, `network`, `payment-refused`
   */
  refresh(card: CardId): Promise<CardSummary>;
  /**
   * Removes a card with what is left on it. What it paid for and has not arrived is not asked for again.
   *
   * @throws ImpulsError `card-unknown`; `unsettled` while claims are open on it
   */
  forget(card: CardId): Promise<void>;
  /**
   * Has a listener told, soon after, whenever cards or history may have changed: by this wallet, or by another one that
   * shares its storage.
   *
   * @returns what ends it
   */
  onChange(listener: () => void): () => void;
  /** Writes what is not written yet and lets go of the storage. */
  close(): Promise<void>;
}

/** 30 days, in seconds. */
const maxDelay = 30 * 86_400;

/** @throws ImpulsError `invalid-argument`, `storage-corrupt`, `storage-locked`, `unsupported` */
export async function openWallet(options: WalletOptions): Promise<Wallet> {
  const { storage, random = platformRandom, privacy = 'unlinkable-sale', activationDelay = 0 } = options;
  if (!(activationDelay >= 0 && activationDelay <= maxDelay) || (options.fetch && options.transport)) {
    throw new ImpulsError(
      'invalid-argument',
      'activationDelay is from 0 to 2592000 seconds, and there is a fetch or a transport, not both',
    );
  }
  const environment: Environment = {
    circuits: createCircuits({
      transport: options.transport,
      fetch: options.fetch ?? ((input, init) => globalThis.fetch(input, init)),
      privacy,
      random,
    }),
    privacy,
    activationDelay,
    clock: options.clock ?? Date.now,
    random,
    sleep: options.sleep ?? platformSleep,
    log: options.log ?? (() => {}),
    keyChecks: options.keyChecks ?? {},
  };
  const journal = new Journal(storage);
  const use = createUse(storage, journal, environment.log);
  try {
    await (storage.borrow ? use(async () => {}) : journal.load());
  } catch (error) {
    await storage.close();
    throw error;
  }
  const vendors = createVendors(journal, environment);
  const purse = createPurse({ ...environment, journal, vendors });
  const parts: Parts = { ...environment, journal, vendors, purse, use, deliveries: createTurns() };
  const wallet = createWallet(parts, storage);
  keepParts(wallet, parts);
  return wallet;
}

/** Closes over the parts, so that an inspected wallet shows functions and no secret. */
function createWallet(parts: Parts, storage: WalletStorage): Wallet {
  const { journal, vendors, use } = parts;
  const redemptions = new Map<string, Promise<CardId[]>>();

  function need(id: CardId): HeldCard {
    const card = journal.card(id);
    if (!card) {
      throw new ImpulsError('card-unknown', 'the wallet holds no such card', {
        hint: 'List the cards of the wallet.',
      });
    }
    return card;
  }

  const summaries = (ids: readonly CardId[]): CardSummary[] => ids.map((id) => summarize(vendors, need(id)));

  /** One redemption of a code at a time; a second call shares it. */
  async function redeemOnce(
    origin: string,
    code: string,
    { onProgress, ...kind }: RedeemOptions,
  ): Promise<CardId[]> {
    const name = `${origin} ${parseVoucherCode(code)}`;
    const running = redemptions.get(name) ?? redeem(parts, origin, code, kind, onProgress ?? silent);
    redemptions.set(name, running);
    try {
      return await running;
    } finally {
      redemptions.delete(name);
    }
  }

  async function recover(onProgress: (progress: Progress) => void): Promise<RecoveryReport> {
    const { recoverAll } = await loadLater();
    const report = await recoverAll(parts, onProgress);
    return { ...report, redeemed: summaries(report.redeemed) };
  }

  async function backup(): Promise<string> {
    const { formatBackup } = await loadLater();
    await journal.flush();
    const cards = journal.cards().map(({ record }) => {
      const document = toBase64url(vendors.pinned(record.vendor).digest);
      return { ...record, document };
    });
    const orders = journal.orders().map(([, order]) => order);
    return formatBackup({ cards, orders, credits: journal.credits().map(([, credit]) => credit) });
  }

  async function refresh(id: CardId): Promise<CardSummary> {
    const card = need(id);
    if (card.activated) await refreshState(parts, card);
    else if (card.stale) await activate(parts, card);
    return summarize(vendors, need(id));
  }

  async function forget(id: CardId): Promise<void> {
    if (need(id).account.unsettled > 0) {
      throw new ImpulsError('unsettled', 'claims are open on the card', {
        hint: 'Recover the wallet first.',
      });
    }
    await journal.removeCard(id);
  }

  /** Others that share the storage have written. */
  let catchingUp: Promise<void> | undefined;
  const unwatch = storage.watch?.(() => {
    catchingUp ??= use(async () => {})
      .catch((error: unknown) => parts.log(`the wallet could not be read anew: ${String(error)}`))
      .finally(() => (catchingUp = undefined));
  });

  return {
    redeem: (vendor, code, options) =>
      use(async () => summaries(await redeemOnce(checkOrigin(vendor), code, options))),
    checkKeys: (vendor, keyChecks = parts.keyChecks) =>
      use(async () => {
        return checkKeys({ ...parts, keyChecks }, checkOrigin(vendor));
      }),
    exchange: async (vendor, options = {}) => {
      const { exchange } = await loadLater();
      return summaries(await exchange(parts, checkOrigin(vendor), options));
    },
    planExchange: async (vendor, options = {}) =>
      (await loadLater()).planCredit(parts, checkOrigin(vendor), 'exchange', options),
    refund: async (vendor, options = {}) => (await loadLater()).refund(parts, checkOrigin(vendor), options),
    planRefund: async (vendor, options = {}) =>
      (await loadLater()).planCredit(parts, checkOrigin(vendor), 'refund', options),
    refunds: async () => (await loadLater()).listRefunds(parts),
    forgetRefund: (reference) => use(async () => (await loadLater()).forgetRefund(parts, reference)),
    cards: () => journal.cards().map((card) => summarize(vendors, card)),
    history: () => journal.payments(),
    recover: ({ onProgress = silent } = {}) => use(() => recover(onProgress)),
    backup: () => use(backup),
    restore: (text, options) =>
      use(async () => {
        const { restoreBackup } = await loadLater();
        return summaries(await restoreBackup(parts, text, options));
      }),
    refresh: (id) => use(() => refresh(id)),
    forget: (id) => use(() => forget(id)),

    onChange(listener) {
      let on = true;
      const isOn = (): boolean => on;
      void (async () => {
        for (;;) {
          await journal.nextChange();
          if (!isOn()) return;
          try {
            listener();
          } catch (error) {
            parts.log(`onChange failed: ${String(error)}`);
          }
        }
      })();
      return () => void (on = false);
    },

    async close() {
      unwatch?.();
      try {
        await journal.flush();
      } finally {
        await storage.close();
      }
    },
  };
}

function silent(): void {}

function summarize(vendors: Vendors, card: HeldCard): CardSummary {
  const { id, record, account } = card;
  const { document } = vendors.pinned(record.vendor);
  const left = freeUnits(account);
  return {
    vendor: { origin: record.vendor, name: document.name },
    id,
    protocol: record.protocol,
    generator: record.protocol === 'stream' ? (record.generator ?? 'chacha20') : undefined,
    units: record.units,
    left,
    reserved: account.reserved,
    worth: worthOf(left, document.unit),
    expires: record.expires,
    ...(record.usableFrom !== undefined && { usableFrom: record.usableFrom }),
    status: statusOf(card, vendors.now(record.vendor)),
  };
}

function statusOf({ record, account, activated, refused }: HeldCard, now: number): CardSummary['status'] {
  if (refused) return 'refused';
  if (now >= record.expires) return 'expired';
  if (freeUnits(account) === 0 && account.reserved === 0) return 'empty';
  return activated ? 'active' : 'ready';
}
