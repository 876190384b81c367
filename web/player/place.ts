/** The fragment of the address says what is played: `#film=<address of a playlist>`, and may bring a voucher: `&code=K7Q2M…`. */
export interface Place {
  /** The address of the film's first playlist. */
  readonly film?: string;
  /** Secret. */
  readonly code?: string;
}

/**
 * Reads the fragment. A code is removed from the address before anything else is done, so that it is neither kept in the
 * browser's history nor copied along with the address.
 */
export function takePlace(): Place {
  const fields = new URLSearchParams(location.hash.slice(1));
  const film = readFilm(fields.get('film') ?? '');
  const code = fields.get('code') ?? '';
  if (fields.has('code')) history.replaceState(null, '', addressOf(film));
  return { ...(film && { film }), ...(code && { code }) };
}

/** @returns the page's address with a film */
export function addressOf(film: string | undefined): string {
  const fragment = film ? `#${new URLSearchParams({ film }).toString()}` : '';
  return location.pathname + location.search + fragment;
}

/** @returns the whole address; undefined for what is none */
export function readFilm(text: string): string | undefined {
  if (text.trim() === '' || !URL.canParse(text.trim(), location.href)) return undefined;
  const url = new URL(text.trim(), location.href);
  return url.protocol === 'http:' || url.protocol === 'https:' ? url.href : undefined;
}
