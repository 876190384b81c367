import { ImpulsError, limits } from 'impuls';
import { readManifest, readSealedUrl } from 'impuls/client/content';
import { decodeRequest, parseChallenges } from 'impuls/wire';
import type { UnitValue } from './words.js';

/** What is known of a sealed file before it is bought. */
export interface SealedItem {
  readonly url: URL;
  /** Where its key is sold. */
  readonly keyUrl: string;
  /** The vendor's origin. */
  readonly vendor: string;
  /** Of what is sealed; without parameters, lower case. */
  readonly type: string;
  /** A name to save it under. */
  readonly name: string;
  /** Bytes of what is sealed, where that is known. */
  readonly size: number | undefined;
  /** As the manifest says it; the vendor has the last word. */
  readonly price: Price | undefined;
}

export interface Price {
  readonly units: number;
  readonly unit?: UnitValue | undefined;
}

/** Where to look for an item, as the page says it. */
export interface ItemSource {
  readonly url: URL;
  readonly manifest: URL | undefined;
  /** The origin that alone may be paid; undefined: whichever the file names. */
  readonly vendor: string | undefined;
}

const manifests = new Map<string, ReturnType<typeof readManifest>>();

/** A manifest is read once a page, for all of its articles. */
function manifestAt(url: URL): ReturnType<typeof readManifest> {
  const reading = manifests.get(url.href) ?? readManifest(url.href);
  manifests.set(url.href, reading);
  reading.catch(() => manifests.delete(url.href));
  return reading;
}

/**
 * Reads of an item what costs nothing: from the manifest if the page has one, else from the head of the file.
 *
 * @throws ImpulsError `malformed`, `network`; `payment-refused` for a key that another vendor sells
 */
export async function findItem(source: ItemSource): Promise<SealedItem> {
  const { url, manifest: manifestUrl } = source;
  const name = decodeURIComponent(url.pathname.slice(url.pathname.lastIndexOf('/') + 1)).replace(
    /\.sealed$/,
    '',
  );
  if (!manifestUrl) {
    const content = await readSealedUrl(url.href);
    await content.close();
    const { keyUrl, type, size } = content;
    return {
      url,
      keyUrl,
      vendor: vendorOf(keyUrl, source),
      type: bareType(type),
      name,
      size,
      price: undefined,
    };
  }
  const manifest = await manifestAt(manifestUrl);
  const item = manifest.items.find((sealed) => sealed.url === url.href);
  if (!item) {
    throw new ImpulsError('malformed', 'this article is not in the list of what is sold', {
      hint: 'Tell the site: its impuls.json does not name the file.',
    });
  }
  return {
    url,
    keyUrl: item.key,
    vendor: vendorOf(item.key, source),
    type: bareType(item.type),
    name,
    size: item.size,
    price: { units: item.price, unit: manifest.unit },
  };
}

/** The file names the seller of its key; the page says who may be paid. */
function vendorOf(keyUrl: string, { vendor }: ItemSource): string {
  const { origin } = new URL(keyUrl);
  if (vendor !== undefined && origin !== vendor) {
    throw new ImpulsError('payment-refused', `the key is sold by ${origin}, not by ${vendor}`, {
      hint: 'Tell the site: its page and its file name two vendors.',
    });
  }
  return origin;
}

/** `text/html; charset=utf-8` → `text/html` */
function bareType(type: string): string {
  return type.split(';', 1)[0]!.trim().toLowerCase();
}

/**
 * Asks the vendor what a key costs; it is told nothing of who asks.
 *
 * @throws ImpulsError `malformed` for an answer that names no price, `network`
 */
export async function askPrice(keyUrl: string): Promise<Price> {
  const response = await fetch(keyUrl, { credentials: 'omit', referrerPolicy: 'no-referrer' }).catch(
    (cause: unknown) => {
      throw new ImpulsError('network', 'the vendor cannot be reached', { cause });
    },
  );
  await response.body?.cancel();
  const header = response.headers.get('WWW-Authenticate') ?? '';
  const ours =
    response.status === 402 && header.length <= limits.challengeBytes * 4
      ? parseChallenges(header).find(({ method }) => method === 'impuls')
      : undefined;
  if (!ours) {
    throw new ImpulsError('malformed', 'the vendor does not sell this article', {
      hint: 'Tell the site that its vendor does not know the file.',
    });
  }
  const { amount, methodDetails } = decodeRequest(ours.request);
  return { units: Number(amount), unit: methodDetails.unit };
}
