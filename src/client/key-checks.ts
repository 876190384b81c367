import { toBase64url } from '../core/base64url.js';
import { ImpulsError, isImpulsError } from '../core/errors.js';
import {
  parseKeyDocument,
  type IssuingKey,
  type KeyDocument,
  type ReceivedDocument,
} from '../core/key-document.js';
import { breachOf } from '../core/key-succession.js';
import { limits } from '../core/limits.js';
import { checkOrigin, type Environment } from './environment.js';
import { discard, readBytes } from './reply-body.js';
import type { Vendors } from './vendors.js';

/**
 * Whether a vendor shows everybody the same keys. One that gives a buyer an issuing key of his own knows his cards by it, however
 * blindly they are signed. So its key document is compared with what others have of it (docs/spec.md §2).
 */

/** Where copies of key documents are found. */
export interface KeyChecks {
  /** URLs of copies that others keep, by the origin of the vendor: `https:`, or within this machine. */
  readonly mirrors?: Readonly<Record<string, readonly string[]>>;
  /**
   * A second way to the vendors themselves, on which they do not know the wallet again: a fetch over another network. Default: a circuit of
   * the wallet's transport, if it has one.
   */
  readonly secondPath?: typeof fetch;
}

/** One comparison with what the vendor shows now. */
export interface KeyCheck {
  readonly source: 'pin' | 'second path' | 'mirror';
  readonly url: string;
  /**
   * `same`. `older`: the vendor has published an honest successor since. `newer`: it shows the wallet a document that it has replaced.
   * `different`: neither follows the other. `invalid`: no key document of this vendor. `unreachable`. `none`: nothing is pinned yet.
   */
  readonly outcome: 'same' | 'older' | 'newer' | 'different' | 'invalid' | 'unreachable' | 'none';
  /** D of the copy, base64url. */
  readonly digest?: string;
  /** What differs, or why there is no copy: for people. */
  readonly details: readonly string[];
}

export interface KeyReport {
  readonly vendor: string;
  /** D of what the vendor shows now, base64url. */
  readonly digest: string;
  /**
   * `confirmed`: a copy from elsewhere is the same, or follows it honestly. `contradicted`: one is different: buy and activate nothing.
   * `unconfirmed`: neither.
   */
  readonly verdict: 'confirmed' | 'unconfirmed' | 'contradicted';
  readonly checks: readonly KeyCheck[];
}

export interface Checking extends Pick<Environment, 'circuits' | 'log'> {
  readonly vendors: Vendors;
  readonly keyChecks: KeyChecks;
}

interface Compared extends KeyCheck {
  readonly copy?: ReceivedDocument;
}

/** Compares all there is. Pins nothing. @throws ImpulsError `bad-document` or `network` if the vendor shows nothing, `invalid-argument` */
export async function checkKeys(context: Checking, origin: string): Promise<KeyReport> {
  const { vendors } = context;
  const { received: shown } = await vendors.look(context.circuits.look(), origin);
  const url = `${origin}${wellKnown}`;
  const pinned = vendors.knows(origin) ? vendors.pinned(origin) : undefined;
  const pin: KeyCheck = pinned
    ? { source: 'pin', url, ...compare(shown, pinned, vendors.keysInUse(origin)) }
    : {
        source: 'pin',
        url,
        outcome: 'none',
        details: ['nothing is pinned yet: the first redemption does it'],
      };
  const copies = await compareCopies(context, origin, shown);
  const outcomes = copies.map(({ outcome }) => outcome);
  const isContradicted = [pin.outcome, ...outcomes].includes('different');
  const isConfirmed = outcomes.some((outcome) => outcome === 'same' || outcome === 'newer');
  return {
    vendor: origin,
    digest: toBase64url(shown.digest),
    verdict: isContradicted ? 'contradicted' : isConfirmed ? 'confirmed' : 'unconfirmed',
    checks: [
      pin,
      ...copies.map(({ source, url, outcome, digest, details }) => ({
        source,
        url,
        outcome,
        ...(digest !== undefined && { digest }),
        details,
      })),
    ],
  };
}

/**
 * Before something is bought: no copy may contradict the pinned document, and each key must stand in one of them. Does nothing where no
 * copies are configured.
 *
 * @throws ImpulsError `bad-document`; `network` if no copy could be had
 */
export async function confirmKeys(
  context: Checking,
  origin: string,
  keys: readonly IssuingKey[],
): Promise<void> {
  const pinned = context.vendors.pinned(origin);
  const copies = await compareCopies(context, origin, pinned);
  if (copies.length === 0) return;
  for (const { source, url, outcome, details } of copies) {
    context.log(`the keys of ${origin} at a ${source}, ${url}: ${[outcome, ...details].join('; ')}`);
  }
  const other = copies.find(({ outcome }) => outcome === 'different');
  if (other) {
    throw new ImpulsError(
      'bad-document',
      `${origin} shows this wallet other keys than ${other.url} has: ${other.details.join('; ')}`,
      { hint: whatToDo },
    );
  }
  const had = copies.flatMap(({ copy }) => copy ?? []);
  if (had.length === 0) {
    throw new ImpulsError('network', `no copy of the keys of ${origin} could be had to compare them with`, {
      hint: 'Try again later: nothing was bought. Run `impuls check-keys` to see why.',
    });
  }
  const alone = keys.find(({ id }) => !had.some(({ entries }) => entries.get(id) === pinned.entries.get(id)));
  if (alone) {
    throw new ImpulsError(
      'bad-document',
      `no copy of the keys of ${origin} has the issuing key ${alone.id} yet: the vendor alone shows it`,
      { hint: `If it was made just now the copies will follow: try again tomorrow. ${whatToDo}` },
    );
  }
}

/** For people who see the attack. */
export const whatToDo =
  'Buy and activate nothing: with a key of your own the vendor would know your cards again. Keep both documents, look at them over another network, and ask the vendor in public.';

const wellKnown = '/.well-known/impuls';

async function compareCopies(
  context: Checking,
  origin: string,
  shown: ReceivedDocument,
): Promise<Compared[]> {
  const { circuits } = context;
  const { mirrors = {}, secondPath = circuits.apart ? circuits.look() : undefined } = context.keyChecks;
  const urls = Object.hasOwn(mirrors, origin) ? mirrors[origin]! : [];
  const places = [
    ...(secondPath
      ? [{ source: 'second path', url: `${origin}${wellKnown}`, fetch: secondPath } as const]
      : []),
    ...urls.map((url) => ({ source: 'mirror', url, fetch: circuits.look() }) as const),
  ];
  // What they are must be right before any of them is asked.
  for (const { url } of places) checkOrigin(url);
  return Promise.all(
    places.map(async ({ source, url, fetch }): Promise<Compared> => {
      try {
        const copy = await fetchCopy(fetch, url, origin);
        return { source, url, copy, ...compare(shown, copy) };
      } catch (error) {
        if (!isImpulsError(error)) throw error;
        const outcome = error.code === 'network' ? 'unreachable' : 'invalid';
        return { source, url, outcome, details: [error.message] };
      }
    }),
  );
}

async function fetchCopy(
  fetch: typeof globalThis.fetch,
  url: string,
  origin: string,
): Promise<ReceivedDocument> {
  let bytes: Uint8Array;
  try {
    const response = await fetch(url, {
      cache: 'no-store',
      credentials: 'omit',
      redirect: 'manual',
      referrerPolicy: 'no-referrer',
    });
    if (response.status !== 200) {
      discard(response);
      throw new ImpulsError('network', `it answers ${response.status}`);
    }
    bytes = await readBytes(response.body, limits.documentBytes);
  } catch (error) {
    if (isImpulsError(error)) throw error;
    throw new ImpulsError('network', 'it does not answer', { cause: error });
  }
  const received = parseKeyDocument(bytes);
  if (received.document.origin !== origin) {
    throw new ImpulsError('bad-document', `it is the key document of ${received.document.origin}`);
  }
  return received;
}

function compare(
  shown: ReceivedDocument,
  copy: ReceivedDocument,
  held: readonly string[] = [],
): Pick<KeyCheck, 'outcome' | 'digest' | 'details'> {
  const digest = toBase64url(copy.digest);
  if (digest === toBase64url(shown.digest)) return { outcome: 'same', digest, details: [] };
  const details = differences(shown, copy);
  const breach = breachOf(copy, shown, held);
  if (breach === undefined) return { outcome: 'older', digest, details };
  if (breachOf(shown, copy, []) === undefined) return { outcome: 'newer', digest, details };
  const broken = shown.document.previous.includes(digest) ? [`what the vendor shows ${breach}`] : [];
  return { outcome: 'different', digest, details: [...broken, ...details] };
}

/** What differs in substance: keys first. */
function differences(shown: ReceivedDocument, copy: ReceivedDocument): string[] {
  const ours = new Map(shown.document.cards.map((key) => [key.id, key]));
  const theirs = new Map(copy.document.cards.map((key) => [key.id, key]));
  const name = ({ id, denomination }: IssuingKey): string =>
    `the issuing key ${id} for cards of ${denomination}`;
  const members = ['activation', 'statement', 'revoked', 'endpoints', 'name', 'policy', 'unit'] as const;
  const text = (document: KeyDocument, member: (typeof members)[number]): string =>
    JSON.stringify(document[member] ?? null);
  const found = [
    ...[...ours.values()]
      .filter(({ id }) => !theirs.has(id))
      .map((key) => `${name(key)} is only at the vendor`),
    ...[...theirs.values()]
      .filter(({ id }) => !ours.has(id))
      .map((key) => `${name(key)} is only in the copy`),
    ...[...ours.values()]
      .filter(({ id }) => theirs.has(id) && shown.entries.get(id) !== copy.entries.get(id))
      .map((key) => `${name(key)} is not the same`),
    ...members
      .filter((member) => text(shown.document, member) !== text(copy.document, member))
      .map((member) => `"${member}" is not the same`),
  ];
  return found.length > 0 ? found : ['only what came before it is not the same'];
}
