import type { CardId } from '../core/card.js';
import { contentPath } from '../core/content-key.js';
import { isImpulsError } from '../core/errors.js';
import { parseChallenges, type Challenge } from '../core/wire/challenge.js';
import { decodeRequest } from '../core/wire/request.js';
import { parseExpires } from '../core/wire/time.js';

/** A challenge that asks for our cards, read. */
export interface Offer {
  /** As received: it is echoed. */
  readonly challenge: Challenge;
  /** The price in units. */
  readonly units: number;
  /** Request headers that a claim covers: lower case, ascending. */
  readonly headers: readonly string[];
  /** Whether the answer must be sealed: the claim has to ask for it. */
  readonly seal: 'aes128gcm' | undefined;
  /** D of the vendor's key document, base64url. */
  readonly document: string;
  /** Unix seconds, by the vendor's clock. */
  readonly expires: number;
}

/**
 * The offer of a 402 to take: of intent `session` if there is one, else `charge`; undefined if none is ours.
 *
 * @param header the value of `WWW-Authenticate`
 * @param host the host name that the request went to: the realm of a vendor's challenge
 */
export function readOffer(header: string | null, host: string): Offer | undefined {
  if (header === null) return undefined;
  let challenges: Challenge[];
  try {
    challenges = parseChallenges(header);
  } catch (error) {
    if (isImpulsError(error)) return undefined;
    throw error;
  }
  for (const intent of ['session', 'charge']) {
    for (const challenge of challenges) {
      const offer = challenge.intent === intent ? offerOf(challenge, host) : undefined;
      if (offer) return offer;
    }
  }
  return undefined;
}

/** What a challenge offers; undefined if it is none of ours for this host. */
export function offerOf(challenge: Challenge, host: string): Offer | undefined {
  const { method, realm } = challenge;
  if (method !== 'impuls' || realm !== host || challenge.expires === undefined) return undefined;
  try {
    const { amount, methodDetails } = decodeRequest(challenge.request);
    return {
      challenge,
      units: Number(amount),
      headers: methodDetails.headers ?? [],
      seal: methodDetails.seal,
      document: methodDetails.document,
      expires: parseExpires(challenge.expires),
    };
  } catch (error) {
    if (isImpulsError(error)) return undefined;
    throw error;
  }
}

/** Session offers by card and route, so that a payment takes one round trip. An offer is shown with no card but the first. */
export interface OfferCache {
  /** @param now Unix seconds, by the vendor's clock */
  get(card: CardId, method: string, url: URL, now: number): Offer | undefined;
  put(card: CardId, method: string, url: URL, offer: Offer): void;
  /** Takes note of what a claim made with the offer held and was charged; an offer that no longer fits is forgotten. */
  note(card: CardId, method: string, url: URL, units: number, charged: number): void;
}

/** Offers kept; the one unused for longest makes room. */
const maxOffers = 256;
/** Seconds that an offer must still hold, for a claim to arrive in time. */
const marginSeconds = 10;

/** Content keys are one route: the next one most likely costs what the last one did, and a vendor that asks for more says so. */
function routeOf({ pathname }: URL): string {
  return pathname.startsWith(contentPath) ? contentPath : pathname;
}

export function createOfferCache(): OfferCache {
  const offers = new Map<string, Offer>();
  const name = (card: CardId, method: string, url: URL): string =>
    `${card} ${method} ${url.origin}${routeOf(url)}`;
  return {
    get(card, method, url, now) {
      const key = name(card, method, url);
      const offer = offers.get(key);
      if (!offer) return undefined;
      offers.delete(key);
      if (offer.expires - marginSeconds <= now) return undefined;
      offers.set(key, offer);
      return offer;
    },
    put(card, method, url, offer) {
      if (offer.challenge.intent !== 'session') return;
      const key = name(card, method, url);
      offers.delete(key);
      offers.set(key, offer);
      if (offers.size > maxOffers) offers.delete(offers.keys().next().value!);
    },
    note(card, method, url, units, charged) {
      // Elsewhere less than was claimed is what a route that captures charges.
      const misfits = charged === 0 || (charged < units && routeOf(url) === contentPath);
      if (misfits) offers.delete(name(card, method, url));
    },
  };
}
