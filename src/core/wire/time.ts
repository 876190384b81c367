import { ImpulsError, malformed } from '../errors.js';

/** RFC 3339 in UTC: what `expires` and `timestamp` carry. */

const timestamp = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z$/;
/** The last second of the year 9999. */
const maxSeconds = 253_402_300_799;

/**
 * @param text from 1970 on, in UTC ("Z"); a fraction of a second is cut off
 * @returns Unix seconds
 * @throws ImpulsError `malformed`, also for a day that is in no calendar, and for a leap second
 */
export function parseExpires(text: string): number {
  const ms = timestamp.test(text) ? Date.parse(text) : NaN;
  // Date.parse takes 30 February, and hour 24.
  if (!(ms >= 0) || new Date(ms).toISOString().slice(0, 19) !== text.slice(0, 19)) {
    throw malformed('not a time of RFC 3339 in UTC');
  }
  return Math.floor(ms / 1000);
}

/** @param seconds Unix time, from 1970 to 9999 @returns "2026-11-22T15:00:00Z" */
export function formatExpires(seconds: number): string {
  if (!Number.isInteger(seconds) || seconds < 0 || seconds > maxSeconds) {
    throw new ImpulsError('invalid-argument', `not a time in Unix seconds: ${seconds}`);
  }
  if (seconds !== lastSeconds) {
    lastText = `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`;
    lastSeconds = seconds;
  }
  return lastText;
}

/** A vendor writes the same second on every receipt of that second. */
let lastSeconds = -1;
let lastText = '';
