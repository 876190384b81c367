import { deriveSealKey } from '../core/claim.js';
import { ImpulsError, isImpulsError } from '../core/errors.js';
import { worthOf } from '../core/key-document.js';
import type { ProtocolName } from '../core/protocol.js';
import { openSealedBody } from '../core/seal.js';
import { decodeRequest } from '../core/wire/request.js';
import { freeUnits } from './allocate.js';
import { createOfferCache, readOffer, type Offer } from './challenges.js';
import { isSecure } from './environment.js';
import { runErrand, type Result } from './errand.js';
import { isSafe, journaled, readOutgoing, requestInit, type Outgoing } from './outgoing.js';
import type { Acquired } from './purse.js';
import { settleClaim } from './recover.js';
import { discard } from './reply-body.js';
import { createSpending, type SpendingLimits } from './spending.js';
import type { KeyedPayment } from './summary.js';
import { partsOf } from './parts.js';
import type { Wallet } from './wallet.js';

export interface RetryOptions {
  /** How often a claim is sent in all while no answer can be trusted. Default 4. */
  readonly attempts?: number;
  /** The wait before the second time; doubles each time. Default 250. */
  readonly baseDelayMs?: number;
}

export interface PayingFetchOptions {
  readonly wallet: Wallet;
  readonly limits: SpendingLimits;
  /** Pay with cards of this protocol only. */
  readonly protocol?: ProtocolName;
  /** `prefer`: ask for bodies sealed under the payment key; they are opened as they are read. Default: not asked for. */
  readonly seal?: 'prefer';
  readonly retry?: RetryOptions;
  /** Told of every payment that was settled. */
  readonly onPayment?: (payment: KeyedPayment) => void;
}

/** Like `fetch`, and pays where it is asked to. It follows no redirect with a payment: a claim is for one URL. */
export type PayingFetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>;

/** How often one call decides anew after a claim that was freed. */
const maxRounds = 4;

const payments = new WeakMap<Response, KeyedPayment>();

/** The payment that a response was given for; undefined for one that cost nothing. */
export function paymentOf(response: Response): KeyedPayment | undefined {
  return payments.get(response);
}

/**
 * A fetch that pays with the cards of a wallet, once for each call, whatever is lost on the way.
 *
 * The call rejects with `limit-exceeded` or `no-card` before anything is claimed; with `payment-refused` when nothing was charged;
 * with `outcome-unknown` or `already-served` when it was charged and there is no answer to give; with `unsettled` when
 * that is not known: `wallet.recover()` finds out.
 *
 * @throws ImpulsError `invalid-argument` for limits or a retry that are out of range
 */
export function createPayingFetch(options: PayingFetchOptions): PayingFetch {
  const { wallet, protocol, onPayment } = options;
  const { attempts = 4, baseDelayMs = 250 } = options.retry ?? {};
  if (!Number.isInteger(attempts) || attempts < 1 || !(baseDelayMs >= 0)) {
    throw new ImpulsError(
      'invalid-argument',
      'retry.attempts is at least 1, and retry.baseDelayMs is not negative',
    );
  }
  const parts = partsOf(wallet);
  const { journal, vendors, purse } = parts;
  const spending = createSpending(options.limits);
  const offers = createOfferCache();
  const seal = options.seal === 'prefer' ? 'aes128gcm' : undefined;

  /** @param offer to be paid; undefined: the one that was shown for the card and the route before */
  function acquire(outgoing: Outgoing, offer: Offer | undefined): Promise<Acquired | undefined> {
    const { method, url, signal } = outgoing;
    const { origin } = url;
    const now = vendors.now(origin);
    return purse.acquire({
      origin,
      protocol,
      offerFor: (card) => offer ?? offers.get(card, method, url, now),
      admit: (chosen) => spending.admit(origin, chosen),
      dismiss: (units) => spending.dismiss(units),
      draft: ({ headers }) => ({ ...journaled(outgoing, headers), seal }),
      signal,
    });
  }

  /** Whether a claim can be made before the vendor asks for one. */
  function hasOffer({ method, url }: Outgoing): boolean {
    if (!spending.allows(url.origin)) return false;
    const now = vendors.now(url.origin);
    return journal
      .cards()
      .some(({ id, record }) => record.vendor === url.origin && offers.get(id, method, url, now));
  }

  async function pay(outgoing: Outgoing, acquired: Acquired): Promise<Result> {
    const { card, offer, record, claim } = acquired;
    offers.put(card.id, outgoing.method, outgoing.url, offer);
    try {
      const result = await runErrand(parts, {
        card,
        record,
        claim,
        send: (authorization) => parts.fetch(outgoing.url.href, requestInit(outgoing, authorization)),
        attempts,
        baseDelayMs,
        signal: outgoing.signal,
      });
      spending.dismiss(result.result === 'settled' ? record.units - result.payment.units : record.units);
      return result;
    } catch (error) {
      // Freed before it was sent.
      if (!journal.claim(claim.tag)) spending.dismiss(record.units);
      throw error;
    }
  }

  async function findOffer(url: URL, response: Response): Promise<Offer | undefined> {
    const offer =
      response.status === 402 ? readOffer(response.headers.get('WWW-Authenticate'), url.hostname) : undefined;
    if (!offer || !isSecure(url)) return undefined;
    await vendors.heed(url.origin, offer.document);
    return offer;
  }

  /** The claim that holds what one wanted, if it is the wallet's own, is settled before anything else is paid. */
  async function settleHolder(tag: string | undefined): Promise<void> {
    if (tag === undefined || !journal.claim(tag)) return;
    try {
      await settleClaim(parts, tag, { attempts, baseDelayMs });
    } catch (error) {
      if (!isImpulsError(error, 'unsettled')) throw error;
    }
  }

  return async (input, init) => {
    let outgoing = await readOutgoing(input, init);
    let offer: Offer | undefined;
    for (let round = 0; round < maxRounds;) {
      const acquired = offer || hasOffer(outgoing) ? await acquire(outgoing, offer) : undefined;
      if (!acquired) {
        if (offer) throw noCard(outgoing.url.origin, offer);
        const response = await parts.fetch(outgoing.url.href, requestInit(outgoing));
        outgoing = redirected(outgoing, response);
        vendors.noteDate(outgoing.url.origin, response);
        offer = await findOffer(outgoing.url, response);
        if (!offer) return response;
        discard(response);
        checkPayable(outgoing);
        spending.check(outgoing.url.origin, offer);
        continue;
      }
      round++;
      const result = await pay(outgoing, acquired);
      if (result.result === 'settled') return finish(result);
      if (result.then === 'return') return result.response;
      discard(result.response);
      offers.forget(acquired.card.id, outgoing.method, outgoing.url);
      if (result.then === 'stop' || (result.then === 'decide-if-safe' && !isSafe(outgoing.method))) {
        throw refused(result.verdict);
      }
      await settleHolder(result.holder);
      offer = result.offer;
      if (offer) spending.check(outgoing.url.origin, offer);
    }
    throw new ImpulsError(
      'payment-refused',
      `the vendor turned ${maxRounds} claims down; nothing was charged`,
      {
        hint: 'Try again in a moment.',
      },
    );
  };

  function finish({ payment, then, response }: Result & { result: 'settled' }): Response {
    const charged = `${payment.units} units were charged`;
    try {
      onPayment?.(payment);
    } catch (error) {
      parts.log(`onPayment failed: ${String(error)}`);
    }
    if (then === 'return') {
      const opened = openResponse(response, payment);
      payments.set(opened, payment);
      return opened;
    }
    discard(response);
    if (then === 'outcome-unknown') {
      throw new ImpulsError('outcome-unknown', `the vendor stopped while it served the request; ${charged}`, {
        hint: `Ask the vendor what became of payment ${payment.reference}.`,
      });
    }
    throw new ImpulsError('already-served', `it was done before, and the answer is not kept; ${charged}`, {
      hint: `Payment ${payment.reference} stands for it; look for its result at the vendor.`,
    });
  }

  function noCard(origin: string, { units, challenge }: Offer): ImpulsError {
    const price = worthOf(units, decodeRequest(challenge.request).methodDetails.unit);
    const cards = journal.cards().filter(({ record }) => record.vendor === origin);
    const left = cards.reduce((sum, { account }) => sum + freeUnits(account), 0);
    const open = cards.some(({ account }) => account.unsettled > 0);
    const held =
      cards.length === 0
        ? 'the wallet holds no card of it'
        : `${left} units are left on ${cards.length} cards`;
    return new ImpulsError(
      'no-card',
      `${origin} asks for ${units} units (${price}); ${held} that can pay this`,
      {
        hint: open
          ? 'Recover the wallet: claims are open that may return units. Else redeem a voucher of this vendor.'
          : 'Redeem a voucher of this vendor.',
      },
    );
  }
}

function checkPayable({ headers }: Outgoing): void {
  if (headers.has('Authorization')) {
    throw new ImpulsError(
      'invalid-argument',
      'a request that is paid cannot carry an Authorization of its own',
    );
  }
}

function refused(verdict: string): ImpulsError {
  if (verdict === 'released') {
    return new ImpulsError(
      'payment-refused',
      'the request was answered with an error that was lost; nothing was charged',
      {
        hint: 'See whether it had an effect before you send it again.',
      },
    );
  }
  return new ImpulsError(
    'payment-refused',
    `the vendor says that the claim is ${verdict}; nothing was charged`,
    {
      hint: 'The card is not used any more. Ask the vendor for a statement, or refresh the card.',
    },
  );
}

/** The request as it arrived where the vendor asked to be paid. */
function redirected(outgoing: Outgoing, response: Response): Outgoing {
  if (!response.redirected || response.status !== 402) return outgoing;
  const url = new URL(response.url);
  url.hash = '';
  if (url.href === outgoing.url.href) return outgoing;
  if (!isSafe(outgoing.method)) {
    throw new ImpulsError(
      'payment-refused',
      `the request was redirected to ${url.origin}; nothing was paid`,
      {
        hint: 'Send it to the address that it leads to.',
      },
    );
  }
  return { ...outgoing, url };
}

/** The answer with its body opened, if it is sealed. */
function openResponse(response: Response, payment: KeyedPayment): Response {
  const { body } = response;
  if (!body || response.headers.get('Content-Encoding')?.trim().toLowerCase() !== 'aes128gcm')
    return response;
  const contents = openSealedBody(deriveSealKey(payment.key), chunksOf(body));
  const stream = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await contents.next();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    async cancel() {
      await contents.return(undefined);
    },
  });
  const headers = new Headers(response.headers);
  headers.delete('Content-Encoding');
  headers.delete('Content-Length');
  const { status, statusText, url } = response;
  const opened = new Response(stream as BodyInit, { status, statusText, headers });
  Object.defineProperty(opened, 'url', { value: url });
  return opened;
}

async function* chunksOf(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}
