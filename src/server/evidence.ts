import { concat } from '../core/bytes.js';
import type { ChainEvidence } from '../core/evidence.js';
import { ChainHash } from '../core/hash.js';
import { protocols } from '../core/protocol.js';
import type { StoredCard } from './ledger.js';

/**
 * What a vendor can show of a card: the highest link that was presented to it (docs/spec.md §7). Holds M, the secret that the
 * card shares with the vendor.
 *
 * @returns undefined for a `stream` card, and for one of which nothing was presented
 */
export function createEvidence(origin: string, { entry, state }: StoredCard): ChainEvidence | undefined {
  if (entry.protocol !== 'chain' || state.top === 0) return undefined;
  const anchor = new ChainHash(entry.scheme).walk(state.tip, state.top, state.top);
  const opening = concat(Uint8Array.of(protocols.chain.id), entry.scheme, anchor, entry.master);
  return { origin, card: entry.id, end: state.top, link: state.tip, opening };
}
