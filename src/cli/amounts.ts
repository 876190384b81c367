import { plural } from '../core/amounts.js';

/** Numbers as people read them. */

export { formatCount, formatUnits, plural } from '../core/amounts.js';

/** @param seconds Unix time @returns the day, `2031-05-01` */
export function formatDay(seconds: number): string {
  return new Date(seconds * 1000).toISOString().slice(0, 10);
}

/** @param milliseconds Unix time @returns `2031-05-01 12:30:05`, here */
export function formatTime(milliseconds: number): string {
  const local = new Date(milliseconds - new Date(milliseconds).getTimezoneOffset() * 60_000);
  return local.toISOString().slice(0, 19).replace('T', ' ');
}

const byteUnits = ['kB', 'MB', 'GB', 'TB'] as const;

/** @returns `512 bytes`, `1.2 kB`, `2 GB`; powers of 1,000 */
export function formatBytes(bytes: number): string {
  if (bytes < 1000) return plural(bytes, 'byte');
  const power = Math.min(byteUnits.length, Math.floor(Math.log10(bytes) / 3));
  return `${Number((bytes / 1000 ** power).toPrecision(3))} ${byteUnits[power - 1]}`;
}
