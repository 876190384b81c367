import type { CardId } from '../core/card.js';
import { ImpulsError, isImpulsError } from '../core/errors.js';
import type { ProtocolName } from '../core/protocol.js';
import { keepClaiming } from './claiming.js';
import { createOfferCache, readOffer, type Offer } from './challenges.js';
import { handOver } from './delivery.js';
import { isSecure, orAborted } from './environment.js';
import { runErrand, type Result } from './errand.js';
import type { HeldCard } from './journal.js';
import { loadLater } from './obtain.js';
import { isSafe, journaled, readOutgoing, requestInit, type Outgoing } from './outgoing.js';
import { keepParts, partsOf } from './parts.js';
import type { Acquired, Payer, Purse } from './purse.js';
import type { ClaimRecord } from './records.js';
import { redeliver } from './redelivery.js';
import { noAnswer, noCard, refused, turnedDown } from './refusals.js';
import { discard } from './reply-body.js';
import { settleClaim, type Retry } from './settling.js';
import { createSession, type Session } from './session.js';
import { createSpending, type SpendingLimits } from './spending.js';
import type { KeyedPayment } from './summary.js';
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
  /**
   * `same-url`: a GET of one URL is paid once, until `confirmDelivery` says that its answer has arrived. A call for a URL that was paid, in this
   * process or before a crash, sends the same claim again and gets the answer again. Default: every call pays.
   */
  readonly redeliver?: 'same-url';
  /**
   * With `redeliver`: says whether what a URL sells is held already. Asked while no other call for the URL is at work, here or in another tab; then
   * nothing is claimed, and the call rejects with `already-served`. It must not use the wallet.
   */
  readonly delivered?: (url: string) => Promise<boolean>;
  /**
   * `openapi`: where a price is not known yet, it is read from the vendor's description of its API (`/openapi.json`), if it has one. Then the
   * first request is paid already, and its body is sent once. Default: the first request asks for the price.
   */
  readonly discovery?: 'openapi';
  readonly retry?: RetryOptions;
  /** Whose cards pay, at the level `unlinkable-sessions`. Default: a session of this paying fetch alone. */
  readonly session?: Session;
  /**
   * Carries the requests that are to be paid, in the place of the wallet's ways to the network: as where a vendor's tool is called over another
   * protocol. It gets what fetch gets, and rejects where no answer came. All else that concerns a card goes over the network, a claim that is
   * recovered too.
   */
  readonly carrier?: typeof fetch;
  /** Told of every payment that was settled; not of an answer that is given again. */
  readonly onPayment?: (payment: KeyedPayment) => void;
}

/** Like `fetch`, and pays where it is asked to. It follows no redirect with a payment: a claim is for one URL. */
export type PayingFetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>;

/** Whether a claim's record stays until its delivery is confirmed. */
type Keep = ClaimRecord['keep'];

/** An offer, and the card that was to pay when it was made: no other one does, or the vendor would know both as one wallet's. */
interface Asked {
  readonly card: CardId | undefined;
  readonly offer: Offer;
}

/** How often one call decides anew after a claim that was freed. */
const maxRounds = 4;

/**
 * A fetch that pays with the cards of a wallet, once for each call, whatever is lost on the way.
 *
 * The call rejects with `limit-exceeded` or `no-card` before anything is claimed; with `payment-refused` when nothing was charged;
 * with `outcome-unknown` or `already-served` when it was charged and there is no answer to give; with `unsettled` when
 * that is not known: `wallet.recover()` finds out. With `redeliver` a call that rejects with `unsettled` or `network` is made again.
 *
 * @throws ImpulsError `invalid-argument` for limits or a retry that are out of range
 */
export function createPayingFetch(options: PayingFetchOptions): PayingFetch {
  const { wallet, protocol, onPayment, session = createSession() } = options;
  const { attempts = 4, baseDelayMs = 250 } = options.retry ?? {};
  if (!Number.isInteger(attempts) || attempts < 1 || !(baseDelayMs >= 0)) {
    throw new ImpulsError(
      'invalid-argument',
      'retry.attempts is at least 1, and retry.baseDelayMs is not negative',
    );
  }
  const retry: Retry = { attempts, baseDelayMs };
  const parts = partsOf(wallet);
  const { journal, vendors, purse, circuits } = parts;
  const spending = createSpending(options.limits);
  const offers = createOfferCache();
  const seal = options.seal === 'prefer' ? 'aes128gcm' : undefined;
  const catalogue =
    options.discovery === 'openapi'
      ? once(async () => (await loadLater()).createCatalogue(vendors))
      : undefined;

  /** @param via the way over the network */
  const carry = (via: typeof fetch, outgoing: Outgoing, authorization?: string): Promise<Response> =>
    (outgoing.carrier?.(via) ?? options.carrier ?? via)(
      outgoing.url.href,
      requestInit(outgoing, authorization),
    );

  const payerOf = (origin: string): Payer => ({ origin, protocol, session });

  /** @param asked to be paid; undefined: what was asked of the card for the route before */
  function acquire(outgoing: Outgoing, asked: Asked | undefined, keep: Keep): ReturnType<Purse['acquire']> {
    const { signal } = outgoing;
    const { origin } = outgoing.url;
    const now = vendors.now(origin);
    return purse.acquire({
      ...payerOf(origin),
      offerFor: (card) => (card === asked?.card ? asked.offer : knownOffer(card, outgoing, now)),
      admit: (chosen) => spending.admit(origin, chosen),
      dismiss: (units) => spending.dismiss(units),
      draft: (chosen) => ({ ...journaled(outgoing, chosen.headers), seal: chosen.seal ?? seal, keep }),
      signal,
    });
  }

  /** What was offered to the card for the route before, if it may be taken. */
  function knownOffer(card: CardId, { method, url }: Outgoing, now: number): Offer | undefined {
    const known = offers.get(card, method, url, now);
    return known && spending.permits(url.origin, known) ? known : undefined;
  }

  /** What a claim would hold that is made before the vendor asks for one; undefined if none can be. */
  function knownUnits(outgoing: Outgoing): number | undefined {
    const { origin } = outgoing.url;
    const now = vendors.now(origin);
    for (const { id } of cardsOf(origin)) {
      const offer = knownOffer(id, outgoing, now);
      if (offer) return offer.units;
    }
    return undefined;
  }

  /** The card to ask for the price; one that has what was asked of others, if there is one. */
  function cardToAsk(
    outgoing: Outgoing,
    asked: Asked | undefined,
    tried: ReadonlySet<CardId>,
  ): HeldCard | undefined {
    const payer = payerOf(outgoing.url.origin);
    const units = asked?.offer.units ?? knownUnits(outgoing) ?? 1;
    return purse.likely(payer, units, tried) ?? (asked ? undefined : purse.likely(payer, 1, tried));
  }

  /** Learns the price from the vendor's description of its API, by the circuit of the card that is to pay it. */
  async function learn(outgoing: Outgoing, { id }: HeldCard): Promise<void> {
    const { method, url, headers, signal } = outgoing;
    if (!catalogue || !isSecure(url) || headers.has('Authorization')) return;
    const via = circuits.card(id);
    const { find } = await orAborted(catalogue(), signal);
    const offer = await orAborted(find(via, id, method, url), signal);
    if (!offer) return;
    await vendors.heed(via, url.origin, offer.document);
    offers.put(id, method, url, offer);
  }

  function cardsOf(origin: string): HeldCard[] {
    return journal.cards().filter(({ record }) => record.vendor === origin);
  }

  async function pay(outgoing: Outgoing, acquired: Acquired): Promise<Result> {
    const { card, offer, record, claim } = acquired;
    offers.put(card.id, outgoing.method, outgoing.url, offer);
    try {
      const result = await runErrand(parts, {
        card,
        record,
        claim,
        stage: 'new',
        send: (authorization) => carry(circuits.card(card.id), outgoing, authorization),
        ...retry,
        signal: outgoing.signal,
      });
      const charged = result.result === 'settled' ? result.payment.units : 0;
      spending.dismiss(record.units - charged);
      offers.note(card.id, outgoing.method, outgoing.url, record.units, charged);
      return result;
    } catch (error) {
      // Freed before it was sent.
      if (!journal.claim(claim.tag)) spending.dismiss(record.units);
      throw error;
    }
  }

  async function findOffer(via: typeof fetch, url: URL, response: Response): Promise<Offer | undefined> {
    const offer =
      response.status === 402 ? readOffer(response.headers.get('WWW-Authenticate'), url.hostname) : undefined;
    if (!offer || !isSecure(url)) return undefined;
    await vendors.heed(via, url.origin, offer.document);
    return offer;
  }

  /** The claim that holds what one wanted, if it is the wallet's own, is settled before anything else is paid. */
  async function settleHolder(tag: string | undefined): Promise<void> {
    if (tag === undefined || !journal.claim(tag)) return;
    try {
      await settleClaim(parts, tag, retry);
    } catch (error) {
      if (!isImpulsError(error, 'unsettled')) throw error;
    }
  }

  /** What follows from the outcome of a claim: the answer, or what else to pay. */
  async function conclude(
    { method, url }: Outgoing,
    result: Result,
    keep: Keep,
  ): Promise<{ readonly response: Response } | { readonly asked: Asked | undefined }> {
    const { response } = result;
    if (result.result === 'settled') {
      const { tag, payment, then } = result;
      if (then === 'return') return { response: handOver(parts, result, keep && tag) };
      discard(response);
      await journal.endKept(tag);
      throw noAnswer(then, payment);
    }
    if (result.then === 'return') return { response };
    discard(response);
    if (result.then === 'stop' || (result.then === 'decide-if-safe' && !isSafe(method))) {
      throw refused(result.verdict);
    }
    await settleHolder(result.holder);
    const { card, offer } = result;
    if (offer) spending.check(url.origin, offer);
    return { asked: offer && { card, offer } };
  }

  function tell(result: Result): void {
    if (result.result !== 'settled') return;
    try {
      onPayment?.(result.payment);
    } catch (error) {
      parts.log(`onPayment failed: ${String(error)}`);
    }
  }

  /** Asks for the price by the circuit of the card that is to pay it. @returns the answer too if it asks for no payment of ours */
  async function ask(
    outgoing: Outgoing,
    card: HeldCard | undefined,
    keep: Keep,
  ): Promise<{ readonly response?: Response; readonly outgoing: Outgoing; readonly asked?: Asked }> {
    const { origin } = outgoing.url;
    const via = card ? circuits.card(card.id) : circuits.open(origin);
    const response = await carry(via, outgoing);
    const arrived = redirected(outgoing, response, keep);
    const { url } = arrived;
    vendors.noteDate(url.origin, response);
    const offer = await findOffer(via, url, response);
    if (!offer) return { response, outgoing: arrived };
    discard(response);
    checkPayable(arrived);
    spending.check(url.origin, offer);
    return { outgoing: arrived, asked: { card: url.origin === origin ? card?.id : undefined, offer } };
  }

  async function call(wanted: Outgoing, keep: Keep): Promise<Response> {
    let outgoing = wanted;
    let asked: Asked | undefined;
    /** Cards that were asked for the price. */
    let tried = new Set<CardId>();
    /** Cards that the vendor's description of its API was read for. */
    const informed = new Set<CardId>();
    let failure: ImpulsError | undefined;
    const due = keep && (await redeliver(parts, outgoing, retry, tell));
    if (due) {
      const next = await conclude(outgoing, due, keep);
      if ('response' in next) return next.response;
      ({ asked } = next);
    }
    for (let round = 0; round < maxRounds;) {
      const acquired = asked?.card || knownUnits(outgoing) ? await acquire(outgoing, asked, keep) : undefined;
      if (!acquired || isImpulsError(acquired)) {
        failure = acquired ?? failure;
        const { origin } = outgoing.url;
        const card = cardToAsk(outgoing, asked, tried);
        if (asked && !card) throw failure ?? noCard(origin, asked.offer, cardsOf(origin), parts.clock());
        if (card && !asked && !informed.has(card.id)) {
          informed.add(card.id);
          await learn(outgoing, card);
          if (knownUnits(outgoing)) continue;
        }
        if (card) tried.add(card.id);
        const answer = await ask(outgoing, card, keep);
        ({ outgoing, asked } = answer);
        if (answer.response) return answer.response;
        continue;
      }
      round++;
      tried = new Set();
      const result = await pay(outgoing, acquired);
      tell(result);
      const next = await conclude(outgoing, result, keep);
      if ('response' in next) return next.response;
      ({ asked } = next);
    }
    throw turnedDown(maxRounds);
  }

  /** One call at a time for each URL. */
  function callOnce(outgoing: Outgoing): Promise<Response> {
    checkPayable(outgoing);
    const { href } = outgoing.url;
    return parts.deliveries.take(href, outgoing.signal, async () => {
      if (await options.delivered?.(href)) throw held();
      return call(outgoing, true);
    });
  }

  const payingFetch: PayingFetch = async (input, init) => {
    const outgoing = await readOutgoing(input, init);
    const once = options.redeliver === 'same-url' && outgoing.method === 'GET';
    return parts.use(() => (once ? callOnce(outgoing) : call(outgoing, undefined)), outgoing.signal);
  };
  keepParts(payingFetch, parts);
  keepClaiming(payingFetch, {
    offerOf: ({ card, method, url, vendor }) => offers.get(card, method, new URL(url), vendors.now(vendor)),
    call: async (url, init, carrier) => {
      const outgoing = { ...(await readOutgoing(url, init)), carrier };
      return parts.use(() => call(outgoing, undefined), outgoing.signal);
    },
    claim: async (url, card, offer, carrier) => {
      const outgoing = { ...(await readOutgoing(url, { method: 'POST' })), ...(carrier && { carrier }) };
      return parts.use(async () => {
        const acquired = await acquire(outgoing, { card, offer }, undefined);
        if (!acquired || isImpulsError(acquired)) {
          throw acquired ?? noCard(url.origin, offer, cardsOf(url.origin), parts.clock());
        }
        const result = await pay(outgoing, acquired);
        tell(result);
        return result;
      });
    },
  });
  return payingFetch;
}

/** Made when it is first needed. */
function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => (made ??= make());
}

function checkPayable({ headers }: Outgoing): void {
  if (headers.has('Authorization')) {
    throw new ImpulsError(
      'invalid-argument',
      'a request that is paid cannot carry an Authorization of its own',
    );
  }
}

function held(): ImpulsError {
  return new ImpulsError('already-served', 'what the URL sells is there already; nothing was claimed', {
    hint: 'Use what was delivered before.',
  });
}

/** The request as it arrived where the vendor asked to be paid. A delivery is known by the URL that was asked for. */
function redirected(outgoing: Outgoing, response: Response, keep: Keep): Outgoing {
  if (!response.redirected || response.status !== 402) return outgoing;
  const url = new URL(response.url);
  url.hash = '';
  if (url.href === outgoing.url.href) return outgoing;
  if (keep || !isSafe(outgoing.method)) {
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
