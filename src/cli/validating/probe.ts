import { utf8 } from '../../core/bytes.js';
import { limits } from '../../core/limits.js';
import { parseChallenges, type Challenge } from '../../core/wire/challenge.js';
import { isImpulsError } from '../../core/errors.js';
import { readBytes } from '../../client/reply-body.js';
import type { NetworkContext } from '../doctor/network-checks.js';

/** A vendor as a black box: requests to it, and what came back. */
export interface Probe extends NetworkContext {
  readonly origin: string;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** As far as it is read: at most a description of an API. */
  readonly body: Uint8Array;
}

const patienceMs = 10_000;

/** One request, which follows no redirect and keeps nothing. @returns undefined where no whole answer came */
export async function ask(
  { origin, fetch }: Probe,
  path: string,
  init: RequestInit = {},
): Promise<Answer | undefined> {
  try {
    const response = await fetch(origin + path, {
      cache: 'no-store',
      credentials: 'omit',
      redirect: 'manual',
      signal: AbortSignal.timeout(patienceMs),
      ...init,
    });
    const { status, headers } = response;
    return { status, headers, body: await readBytes(response.body, limits.apiBytes) };
  } catch (error) {
    if (isImpulsError(error, 'too-large')) return { status: 0, headers: new Headers(), body: utf8('') };
    return undefined;
  }
}

/** The challenges of a 402; undefined if they cannot be read. */
export function challengesOf({ headers }: Answer): Challenge[] | undefined {
  try {
    return parseChallenges(headers.get('WWW-Authenticate') ?? '');
  } catch (error) {
    if (isImpulsError(error)) return undefined;
    throw error;
  }
}

export function mediaType({ headers }: Answer): string {
  return (headers.get('Content-Type') ?? '').split(';', 1)[0]!.trim().toLowerCase();
}

/** The names in a header that is a list, in lower case. */
export function listOf({ headers }: Answer, name: string): string[] {
  return (headers.get(name) ?? '').split(',').map((one) => one.trim().toLowerCase());
}
