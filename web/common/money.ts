import { plural } from 'impuls';

/** Amounts as people read them, in the language of the page. */

export { formatCount, formatUnits, plural } from 'impuls';

/** @param worth as `impuls` says it, `0.075 USD` @returns `$0.075`; as it is where the currency has no sign */
export function formatWorth(worth: string): string {
  const [amount = '', currency = ''] = worth.split(' ');
  if (!/^[A-Z]{3}$/.test(currency) || !/^\d+(\.\d+)?$/.test(amount)) return worth;
  const digits = amount.split('.')[1]?.length ?? 0;
  return new Intl.NumberFormat('en-US', {
    style: 'currency',
    currency,
    minimumFractionDigits: Math.max(2, digits),
    maximumFractionDigits: Math.max(2, digits),
  }).format(Number(amount));
}

/** The sum of amounts in one currency. @returns `0.075 USD`; undefined if they are in several, or there are none */
export function addWorths(worths: readonly string[]): string | undefined {
  const currencies = new Set(worths.map((worth) => worth.split(' ')[1]));
  const [currency] = currencies;
  if (currencies.size !== 1 || !currency) return undefined;
  const amounts = worths.map((worth) => worth.split(' ')[0]!);
  const digits = Math.max(...amounts.map((amount) => amount.split('.')[1]?.length ?? 0));
  const sum = amounts.reduce((total, amount) => {
    const [whole = '0', fraction = ''] = amount.split('.');
    return total + BigInt(whole + fraction.padEnd(digits, '0'));
  }, 0n);
  const text = sum.toString().padStart(digits + 1, '0');
  const fraction = text.slice(text.length - digits).replace(/0+$/, '');
  return `${text.slice(0, text.length - digits)}${fraction && '.'}${fraction} ${currency}`;
}

/** @param seconds at least 0 @returns `45 s`, `12 min`, `2 h 10 min`, `3 days` */
export function formatSpan(seconds: number): string {
  const minutes = Math.round(seconds / 60);
  const hours = Math.floor(minutes / 60);
  if (seconds < 60) return `${Math.max(1, Math.round(seconds))} s`;
  if (minutes < 60) return `${minutes} min`;
  if (hours < 24) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
  return plural(Math.round(hours / 24), 'day');
}

const days = new Intl.DateTimeFormat('en-US', { dateStyle: 'medium' });
const moments = new Intl.DateTimeFormat('en-US', { dateStyle: 'medium', timeStyle: 'short' });

/** @param milliseconds Unix time */
export function formatDay(milliseconds: number): string {
  return days.format(milliseconds);
}

/** @param milliseconds Unix time */
export function formatMoment(milliseconds: number): string {
  return moments.format(milliseconds);
}
