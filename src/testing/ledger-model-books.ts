import type { Movement, MovementKind } from '../server/ledger.js';

/** The books as a plain map, beside those of the ledger that is judged. */
export type ModelBooks = Map<string, Movement>;

/** @param claim whose day and route it is; without one it is now, on no route */
export function post(
  { books, now }: { readonly books: ModelBooks; readonly now: number },
  kind: MovementKind,
  key: string,
  count: number,
  units: number,
  claim?: { readonly acceptedAt: number; readonly route: string },
): void {
  const day = Math.floor((claim?.acceptedAt ?? now) / 86_400);
  const route = claim?.route ?? '';
  const name = JSON.stringify([day, kind, key, route]);
  const before = books.get(name) ?? { count: 0, units: 0 };
  books.set(name, { day, kind, key, route, count: before.count + count, units: before.units + units });
}

/** In the order of the contract, without what is 0. */
export function listBooks(books: ModelBooks): Movement[] {
  const moved = [...books.values()].filter(({ count, units }) => count !== 0 || units !== 0);
  const place = ({ kind, key, route }: Movement): string => [kind, key, route].join('\0');
  return moved.sort((a, b) => a.day - b.day || (place(a) < place(b) ? -1 : 1));
}
