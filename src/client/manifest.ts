import { ImpulsError, isImpulsError } from '../core/errors.js';
import { limits } from '../core/limits.js';
import { parseManifest, type ContentItem, type ContentManifest } from '../core/manifest.js';
import { discard, readBytes } from './reply-body.js';

/** A manifest with the addresses of its files. */
export interface FoundManifest extends ContentManifest {
  readonly items: readonly FoundItem[];
}

export interface FoundItem extends ContentItem {
  /** Where the sealed file is. */
  readonly url: string;
}

export interface ReadManifestOptions {
  /** Default: that of the platform. */
  readonly fetch?: typeof fetch;
  readonly signal?: AbortSignal;
}

/**
 * @param url of the manifest, from any host
 * @throws ImpulsError `network`; `malformed`, `unsupported` or `too-large` for what is no manifest; the signal's reason
 */
export async function readManifest(
  url: string,
  { fetch: send = fetch, signal }: ReadManifestOptions = {},
): Promise<FoundManifest> {
  try {
    const response = await send(url, signal ? { signal } : undefined);
    if (response.status !== 200) {
      discard(response);
      throw new ImpulsError('network', `${new URL(url).origin} answers ${response.status}`, {
        hint: 'Check the address.',
      });
    }
    const manifest = parseManifest(await readBytes(response.body, limits.manifestBytes));
    const base = response.url || url;
    return { ...manifest, items: manifest.items.map((item) => ({ ...item, url: urlOf(base, item.sealed) })) };
  } catch (cause) {
    signal?.throwIfAborted();
    if (isImpulsError(cause) || !(cause instanceof TypeError)) throw cause;
    throw new ImpulsError('network', `${new URL(url).origin} cannot be reached`, { cause });
  }
}

function urlOf(base: string, path: string): string {
  return new URL(path.split('/').map(encodeURIComponent).join('/'), base).href;
}
