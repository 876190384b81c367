import { ImpulsError } from '../core/errors.js';
import type { Circuits, PrivacyLevel } from './circuits.js';
import type { KeyChecks } from './key-checks.js';

/** What a wallet needs of the world, all of it given. */
export interface Environment {
  readonly circuits: Circuits;
  readonly privacy: PrivacyLevel;
  /** Seconds. */
  readonly activationDelay: number;
  /** Unix milliseconds. */
  readonly clock: () => number;
  readonly random: (length: number) => Uint8Array;
  readonly sleep: (milliseconds: number, signal?: AbortSignal) => Promise<void>;
  readonly log: (message: string) => void;
  readonly keyChecks: KeyChecks;
}

export function platformRandom(length: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(length));
}

export function platformSleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const timer = setTimeout(done, milliseconds);
    signal?.addEventListener('abort', aborted);
    function done(): void {
      signal?.removeEventListener('abort', aborted);
      resolve();
    }
    function aborted(): void {
      clearTimeout(timer);
      reject(signal!.reason as Error);
    }
  });
}

/** Waits for something, or for the signal. @throws the signal's reason */
export async function orAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  signal.throwIfAborted();
  let stop!: () => void;
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason as Error);
    signal.addEventListener('abort', stop);
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** A page may be offline by the time it needs the rest of its program. @throws ImpulsError `network` */
export async function loadPart<T>(part: Promise<T>): Promise<T> {
  try {
    return await part;
  } catch (cause) {
    throw new ImpulsError('network', 'a part of the program could not be loaded', {
      hint: 'Try again later; nothing is lost.',
      cause,
    });
  }
}

/**
 * The origin of a vendor. Payments travel over TLS, or within this machine.
 *
 * @throws ImpulsError `invalid-argument`
 */
export function checkOrigin(text: string): string {
  let url: URL;
  try {
    url = new URL(text);
  } catch (cause) {
    throw new ImpulsError('invalid-argument', 'a vendor is named by its origin', {
      hint: 'Write it as in https://news.example.',
      cause,
    });
  }
  if (!isSecure(url)) {
    throw new ImpulsError('invalid-argument', `${url.origin} is not reached over TLS`, {
      hint: 'Use https; plain http is for this machine only.',
    });
  }
  return url.origin;
}

export function isSecure({ protocol, hostname }: URL): boolean {
  if (protocol === 'https:') return true;
  const loopback = hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname);
  return protocol === 'http:' && (loopback || hostname.endsWith('.localhost'));
}
