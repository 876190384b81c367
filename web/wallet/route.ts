/** The fragment of the address says which view is shown, `#/history`, or brings a voucher code, `#K7Q2M…`. */

export const views = ['cards', 'history', 'backup', 'limits'] as const;
export type View = (typeof views)[number];

export interface Place {
  readonly view: View;
  /** What followed `#`, if that was no view; secret. */
  readonly code?: string;
}

/**
 * Reads the fragment. A code is removed from the address before anything else is done, so that it is neither kept in the
 * browser's history nor copied along with the address.
 */
export function takePlace(): Place {
  const fragment = location.hash.slice(1);
  const view = views.find((name) => fragment === `/${name}`);
  if (view || fragment === '' || fragment.startsWith('/')) return { view: view ?? 'cards' };
  history.replaceState(null, '', location.pathname + location.search);
  return { view: 'cards', code: decode(fragment) };
}

function decode(fragment: string): string {
  try {
    return decodeURIComponent(fragment);
  } catch {
    return fragment;
  }
}
