import type { CardId } from '../core/card.js';
import { fromUtf8 } from '../core/bytes.js';
import { isImpulsError } from '../core/errors.js';
import { limits } from '../core/limits.js';
import { parseJson } from '../core/wire/canonical-json.js';
import {
  basePathOf,
  findOperation,
  readPaidOperations,
  type PaidOperation,
} from '../core/wire/payment-info.js';
import { offerOf, type Offer } from './challenges.js';
import { discard, readBytes } from './reply-body.js';
import { quiet, type Vendors } from './vendors.js';

/** What vendors offer, as their descriptions of their APIs say (docs/spec.md §8). A bundle loads it when it is asked for. */

export interface Catalogue {
  /**
   * The offer of a route; undefined if the vendor has no description, or it says nothing that can be paid. What one card was
   * shown is for no other card.
   *
   * @param via the card's circuit
   */
  readonly find: (via: typeof fetch, card: CardId, method: string, url: URL) => Promise<Offer | undefined>;
}

interface Page {
  /** Unix seconds, by the vendor's clock. */
  readonly until: number;
  /** Undefined if the vendor could not be asked. */
  readonly operations: Promise<readonly PaidOperation[] | undefined>;
}

/** Seconds that a description is good for. */
const pageSeconds = 300;
/** A description that takes longer is done without. */
const patienceMs = 10_000;
/** Cards whose descriptions are kept; the one unused for longest makes room. */
const maxPages = 32;
/** Operations of one description that are kept. */
const maxOperations = 2000;

export function createCatalogue(vendors: Vendors): Catalogue {
  const pages = new Map<CardId, Page>();

  /** @returns undefined if the vendor could not be asked */
  async function read(via: typeof fetch, origin: string): Promise<readonly PaidOperation[] | undefined> {
    let response: Response | undefined;
    try {
      const signal = AbortSignal.timeout(patienceMs);
      response = await via(`${origin}/openapi.json`, { ...quiet, method: 'GET', signal });
      vendors.noteDate(origin, response);
      if (response.status !== 200) {
        discard(response);
        return [];
      }
      return operationsOf(fromUtf8(await readBytes(response.body, limits.apiBytes)), origin);
    } catch (error) {
      // What cannot be read says nothing; what cannot be had may be had later.
      return isImpulsError(error) ? [] : undefined;
    }
  }

  async function look(
    via: typeof fetch,
    card: CardId,
    origin: string,
  ): Promise<readonly PaidOperation[] | undefined> {
    const now = vendors.now(origin);
    const known = pages.get(card);
    pages.delete(card);
    const page =
      known && now < known.until ? known : { until: now + pageSeconds, operations: read(via, origin) };
    pages.set(card, page);
    if (pages.size > maxPages) pages.delete(pages.keys().next().value!);
    const operations = await page.operations;
    if (!operations && pages.get(card) === page) pages.delete(card);
    return operations;
  }

  return {
    async find(via, card, method, { origin, pathname, hostname }) {
      const operations = await look(via, card, origin);
      const operation = operations && findOperation(operations, method, pathname);
      for (const { intent, challenge } of operation?.offers ?? []) {
        if (!challenge || intent !== 'session' || challenge.intent !== intent) continue;
        const offer = offerOf(challenge, hostname);
        if (offer) return offer;
      }
      return undefined;
    },
  };
}

/** @throws ImpulsError `malformed` */
function operationsOf(text: string, origin: string): PaidOperation[] {
  const document = parseJson(text);
  const base = basePathOf(document, origin);
  if (base === undefined) return [];
  return readPaidOperations(document)
    .slice(0, maxOperations)
    .map((operation) => ({ ...operation, path: base + operation.path }));
}
