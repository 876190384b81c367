/** The fragment of the address says which view is shown, `#/batches`, or brings the token of the operator, `#token=…`. */

export const views = ['overview', 'batches', 'refunds', 'keys', 'health'] as const;
export type View = (typeof views)[number];

const name = 'impuls.dashboard.token';

/**
 * Reads the token and takes it out of the address, so that it is neither kept in the browser's history nor copied along. It is
 * kept for as long as the tab, to be there when the page is loaded again.
 *
 * @returns undefined if there never was one
 */
export function takeToken(): string | undefined {
  const [, token] = /^#token=([\w-]{1,128})$/.exec(location.hash) ?? [];
  if (token !== undefined) {
    history.replaceState(null, '', location.pathname);
    sessionStorage.setItem(name, token);
  }
  return token ?? sessionStorage.getItem(name) ?? undefined;
}

export function currentView(): View {
  return views.find((view) => location.hash === `#/${view}`) ?? 'overview';
}
