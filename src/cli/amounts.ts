/** Numbers as people read them. */

export function formatCount(count: number): string {
  return count.toLocaleString('en-US');
}

export function formatUnits(units: number): string {
  return `${formatCount(units)} ${units === 1 ? 'unit' : 'units'}`;
}

/** @param seconds Unix time @returns the day, `2031-05-01` */
export function formatDay(seconds: number): string {
  return new Date(seconds * 1000).toISOString().slice(0, 10);
}

/** @param milliseconds Unix time @returns `2031-05-01 12:30:05`, here */
export function formatTime(milliseconds: number): string {
  const local = new Date(milliseconds - new Date(milliseconds).getTimezoneOffset() * 60_000);
  return local.toISOString().slice(0, 19).replace('T', ' ');
}

export function plural(count: number, one: string): string {
  return `${formatCount(count)} ${one}${count === 1 ? '' : 's'}`;
}

const byteUnits = ['kB', 'MB', 'GB', 'TB'] as const;

/** @returns `512 bytes`, `1.2 kB`, `2 GB`; powers of 1,000 */
export function formatBytes(bytes: number): string {
  if (bytes < 1000) return plural(bytes, 'byte');
  const power = Math.min(byteUnits.length, Math.floor(Math.log10(bytes) / 3));
  return `${Number((bytes / 1000 ** power).toPrecision(3))} ${byteUnits[power - 1]}`;
}
