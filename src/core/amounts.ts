/** Amounts as people read them, in English. */

const counts = new Intl.NumberFormat('en-US');

/** @returns `12,000` */
export function formatCount(count: number): string {
  return counts.format(count);
}

/** @returns `1 unit`, `12,000 units` */
export function formatUnits(units: number): string {
  return plural(units, 'unit');
}

/** @param one a word that takes an s @returns `1 card`, `2 cards` */
export function plural(count: number, one: string): string {
  return `${formatCount(count)} ${one}${count === 1 ? '' : 's'}`;
}
