import { utf8 } from './bytes.js';
import { malformed } from './errors.js';

/** Content keys: what opens a sealed file or a segment of a film. Each is sold at a URL of its vendor. */

/** `<origin>/impuls/keys/<id>` */
export const contentPath = '/impuls/keys/';

/** The URL of a key stands in the key id of a sealed body (RFC 8188 §2.1). */
const maxUrlBytes = 255;

export interface ContentKeyUrl {
  readonly origin: string;
  /** 16 bytes in base64url: 22 characters. */
  readonly id: string;
  /** The URL in its only form. */
  readonly href: string;
}

/** Whether a text can be the id of a content key: 16 bytes in canonical base64url. */
export function isContentId(text: string): boolean {
  return /^[A-Za-z0-9_-]{21}[AQgw]$/.test(text);
}

/** @throws ImpulsError `malformed` for an id that is none, or an origin that is too long */
export function contentKeyUrl(origin: string, id: string): string {
  return parseContentKeyUrl(`${origin}${contentPath}${id}`).href;
}

/**
 * A file or a playlist can name any URL as that of its key; only this form is bought from.
 *
 * @throws ImpulsError `malformed`
 */
export function parseContentKeyUrl(text: string): ContentKeyUrl {
  const at = text.lastIndexOf(contentPath);
  const id = text.slice(at + contentPath.length);
  const origin = text.slice(0, Math.max(0, at));
  if (!isContentId(id) || utf8(text).length > maxUrlBytes || !isOrigin(origin)) {
    throw malformed('the URL of a content key is not that of a vendor');
  }
  return { origin, id, href: text };
}

function isOrigin(text: string): boolean {
  try {
    return /^https?:\/\//.test(text) && new URL(text).origin === text;
  } catch {
    return false;
  }
}
