import { parseContentKeyUrl } from '../core/content-key.js';
import { ImpulsError, isImpulsError } from '../core/errors.js';
import type { ProtocolName } from '../core/protocol.js';
import { confirmDelivery, paymentOf } from './delivery.js';
import { orAborted } from './environment.js';
import type { KeyLibrary } from './key-library.js';
import { createPayingFetch } from './paying-fetch.js';
import { discard, readBytes } from './reply-body.js';
import type { Session } from './session.js';
import type { SpendingLimits } from './spending.js';
import type { KeyedPayment } from './summary.js';
import type { Wallet } from './wallet.js';

export interface KeyBuyerOptions {
  readonly wallet: Wallet;
  /** The most for one key, and for all keys of this buyer. */
  readonly limits: SpendingLimits;
  /** Where bought keys are kept, and looked for first. */
  readonly library: KeyLibrary;
  /** Pay with cards of this protocol only. */
  readonly protocol?: ProtocolName;
  /** Whose cards pay, at the level `unlinkable-sessions`. Default: a session of this buyer alone. */
  readonly session?: Session;
  /** Told once of every key that was paid for, when it is in the library. */
  readonly onPayment?: (payment: KeyedPayment) => void;
}

export interface BoughtKey {
  /** 16 or 32 bytes, secret. */
  readonly key: Uint8Array;
  /** Absent: it was in the library, or cost nothing. */
  readonly payment?: KeyedPayment;
}

export interface KeyBuyer {
  /**
   * The key at a URL, from the library or else from the vendor. It is charged once, however often and from wherever it is
   * asked for, and whatever is lost on the way: a key that was paid for and did not arrive is asked for again first.
   *
   * @param url `<origin>/impuls/keys/<id>`
   * @param options.signal ends the waiting, not the purchase
   * @param options.until `kept`, the default: the key is in the library. `received`: it need not be yet, so that a film begins
   *   some milliseconds earlier; if it cannot be kept, the next call asks for it again without a charge
   * @throws ImpulsError `malformed` for another URL; `bad-key` if the vendor has no such key, or what came is none;
   *   `network` if it cannot answer now; what a paying fetch throws: `limit-exceeded`, `no-card`, `payment-refused`,
   *   `already-served`, `unsettled`
   */
  buy(url: string, options?: BuyOptions): Promise<BoughtKey>;
}

export interface BuyOptions {
  readonly signal?: AbortSignal;
  readonly until?: 'received' | 'kept';
}

interface Purchase {
  readonly received: Promise<BoughtKey>;
  readonly kept: Promise<BoughtKey>;
}

/** How often a key that was paid for is asked for when its answer breaks off. */
const maxDeliveries = 3;
const keyLengths = [16, 32];
/** Request Timeout and Too Many Requests: what they refuse they may grant later. */
const passing = [408, 429];

/** @throws ImpulsError `invalid-argument` for limits that are out of range */
export function createKeyBuyer(options: KeyBuyerOptions): KeyBuyer {
  const { wallet, limits, library, protocol, session, onPayment } = options;
  const paying = createPayingFetch({
    wallet,
    limits,
    redeliver: 'same-url',
    // Another tab may have bought it since the library was asked.
    delivered: async (url) => (await library.get(url)) !== undefined,
    ...(protocol && { protocol }),
    ...(session && { session }),
  });
  const buying = new Map<string, Purchase>();

  /** @returns the key, and the answer that brought it unless it was in the library */
  async function receive(url: string): Promise<{ readonly bought: BoughtKey; readonly response?: Response }> {
    const held = await library.get(url);
    if (held) return { bought: { key: held } };
    for (let delivery = 1; ; delivery++) {
      const response = await paying(url, { redirect: 'error' }).catch(async (error: unknown) => {
        const since = isImpulsError(error, 'already-served') ? await library.get(url) : undefined;
        if (!since) throw error;
        return since;
      });
      if (response instanceof Uint8Array) return { bought: { key: response } };
      const key = await readKey(url, response).catch((error: unknown) => {
        const isBroken = error instanceof TypeError || isImpulsError(error, 'bad-seal');
        if (!isBroken || delivery === maxDeliveries) throw error;
        return undefined;
      });
      if (!key) continue;
      const payment = paymentOf(response);
      return { bought: payment ? { key, payment } : { key }, response };
    }
  }

  /** First the key, then the word that it came, which nobody waits for: of a crash in between nothing is lost. */
  async function keep(url: string, { key, payment }: BoughtKey, response: Response): Promise<void> {
    await library.put(url, key);
    confirmDelivery(response).catch(() => {});
    if (payment) onPayment?.(payment);
  }

  function begin(url: string): Purchase {
    const delivery = receive(url);
    const received = delivery.then(({ bought }) => bought);
    const kept = delivery.then(async ({ bought, response }) => {
      if (response) await keep(url, bought, response);
      return bought;
    });
    for (const promise of [received, kept]) promise.catch(() => {});
    return { received, kept };
  }

  return {
    async buy(url, { signal, until = 'kept' } = {}) {
      const { href } = parseContentKeyUrl(url);
      signal?.throwIfAborted();
      let purchase = buying.get(href);
      if (!purchase) {
        purchase = begin(href);
        buying.set(href, purchase);
        const end = (): boolean => buying.delete(href);
        purchase.kept.then(end, end);
      }
      return orAborted(purchase[until], signal);
    },
  };
}

async function readKey(url: string, response: Response): Promise<Uint8Array> {
  if (response.status !== 200) {
    discard(response);
    const what = `${new URL(url).origin} answers ${response.status} for the key`;
    const isPassing = response.status >= 500 || passing.includes(response.status);
    throw isPassing
      ? new ImpulsError('network', what, { hint: 'Try again in a moment. Nothing was charged.' })
      : new ImpulsError('bad-key', what, {
          hint: 'Ask the vendor whether it still sells this key. Nothing was charged.',
        });
  }
  const key = await readBytes(response.body, Math.max(...keyLengths)).catch((error: unknown) => {
    throw isImpulsError(error, 'too-large') ? noKey(error) : error;
  });
  if (!keyLengths.includes(key.length)) throw noKey();
  return key;
}

function noKey(cause?: unknown): ImpulsError {
  return new ImpulsError('bad-key', 'what the vendor gave is no key', { cause, hint: 'Ask the vendor.' });
}
