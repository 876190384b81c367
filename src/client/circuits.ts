import { toBase64url } from '../core/base64url.js';
import type { CardId } from '../core/card.js';

/**
 * What a vendor may connect with each other, apart from the payments of one card, which it always can.
 *
 * `pseudonymous`: whatever connections and times show. `unlinkable-sale`: nothing that the wallet sends at a sale comes along with a
 * card, nor anything of one card with another. `unlinkable-sessions`: besides, each session pays with cards that no other one used.
 */
export type PrivacyLevel = 'pseudonymous' | 'unlinkable-sale' | 'unlinkable-sessions';

/** Ways to the network. Requests of different circuits share no connection and no TLS session; over a proxy, no address. */
export interface Transport {
  /** @param name stays here: it is not sent. The same name is the same circuit. */
  readonly circuit: (name: string) => typeof fetch;
}

/** A wallet's ways to the network, by what they are for. */
export interface Circuits {
  /** For one redemption. */
  sale(order: string): typeof fetch;
  /** For everything that shows a card. */
  card(id: CardId): typeof fetch;
  /** For requests to an origin that no card is to pay. */
  open(origin: string): typeof fetch;
  /** For one look at keys: the vendor does not know who is asking, and a mirror does not either. */
  look(): typeof fetch;
  /** Whether they are ways of their own. */
  readonly apart: boolean;
}

interface CircuitOptions {
  readonly transport: Transport | undefined;
  /** Without a transport, for everything. */
  readonly fetch: typeof globalThis.fetch;
  readonly privacy: PrivacyLevel;
  readonly random: (length: number) => Uint8Array;
}

export function createCircuits({ transport, fetch, privacy, random }: CircuitOptions): Circuits {
  const apart = transport !== undefined && privacy !== 'pseudonymous';
  const named = (name: string): typeof globalThis.fetch =>
    transport?.circuit(apart ? name : 'wallet') ?? fetch;
  return {
    apart,
    sale: (order) => named(`sale ${order}`),
    card: (id) => named(`card ${id}`),
    open: (origin) => named(`open ${origin}`),
    look: () => named(`look ${toBase64url(random(16))}`),
  };
}
