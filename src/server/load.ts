import { ImpulsError } from '../core/errors.js';

/**
 * What a vendor takes on at a time. What is more is answered 503 with `Retry-After`, before anything is claimed for it: claims of cards are
 * shed last, who shows no card first, and work with public keys goes one step at a turn of the event loop.
 */

export interface LoadOptions {
  /** Claims whose tag holds and whose verdict is not durable yet. Default 512. */
  readonly maxClaims?: number;
  /** Answers to unpaid calls, unknown cards and wrong tags in one turn of the event loop. Default 256. */
  readonly maxStrangers?: number;
  /** Calls at the vendor's own endpoints that have arrived whole and are not answered. Default 64. */
  readonly maxRequests?: number;
  /** Bytes of bodies that are arriving, in all. One card or source has a sixteenth of them. Default 64 MiB. */
  readonly maxBodyBytes?: number;
  /** Resolves once the event loop has turned. Default: after a timer of 0 ms. */
  readonly turn?: () => Promise<void>;
}

/** How much a vendor has to do now, and what it has shed since it started. */
export interface LoadGauge {
  readonly claims: number;
  readonly requests: number;
  readonly bodyBytes: number;
  readonly shed: Readonly<Record<LoadKind, number>>;
}

export type LoadKind = 'claims' | 'strangers' | 'requests' | 'bodies';

/** So many at a time. */
export interface Places {
  /** False: there is none free. */
  enter(): boolean;
  leave(): void;
}

export interface Load {
  /** Cards of claims that are looked up. */
  readonly lookups: Places;
  readonly claims: Places;
  readonly requests: Places;
  /** Whether somebody who shows no card is answered in this turn. */
  admitStranger(): boolean;
  /** Counts the bytes of one body that is arriving, until `end`. */
  openBody(owner: string, limit: number): ArrivingBody;
  /** Resolves when a costly step may be done: one at a turn, first come first served. */
  step(): Promise<void>;
  readonly gauge: LoadGauge;
}

export interface ArrivingBody {
  /** @throws ImpulsError `throttled` if there is no room for so many bytes more */
  readonly take: (bytes: number) => void;
  end(): void;
}

const lookupsPerClaim = 4;
const ownersPerBudget = 16;

/** @throws ImpulsError `invalid-argument` for a bound that is none */
export function createLoad(options: LoadOptions = {}): Load {
  const { maxClaims = 512, maxStrangers = 256, maxRequests = 64, maxBodyBytes = 64 << 20 } = options;
  const { turn = timerTurn } = options;
  for (const bound of [maxClaims, maxStrangers, maxRequests, maxBodyBytes]) {
    if (Number.isInteger(bound) && bound >= 1) continue;
    throw new ImpulsError('invalid-argument', `a bound of the load is a whole number from 1, not ${bound}`);
  }
  const shed: Record<LoadKind, number> = { claims: 0, strangers: 0, requests: 0, bodies: 0 };
  const held = { lookups: 0, claims: 0, requests: 0, bodyBytes: 0 };
  const owners = new Map<string, number>();
  let strangers = 0;
  let stepping = false;
  const waiting: Array<() => void> = [];

  const placesOf = (name: 'lookups' | 'claims' | 'requests', limit: number): Places => ({
    enter() {
      if (held[name] < limit) {
        held[name]++;
        return true;
      }
      shed[name === 'lookups' ? 'claims' : name]++;
      return false;
    },
    leave() {
      held[name]--;
    },
  });

  function openBody(owner: string, limit: number): ArrivingBody {
    let taken = 0;
    return {
      take(bytes) {
        const own = owners.get(owner) ?? 0;
        const share = Math.max(limit, maxBodyBytes / ownersPerBudget);
        // One body alone may be as long as its route says.
        const others = held.bodyBytes - taken;
        if (own + bytes > share || (others > 0 && held.bodyBytes + bytes > maxBodyBytes)) {
          shed.bodies++;
          throw new ImpulsError('throttled', 'too much is arriving');
        }
        taken += bytes;
        held.bodyBytes += bytes;
        owners.set(owner, own + bytes);
      },
      end() {
        const rest = (owners.get(owner) ?? 0) - taken;
        if (rest > 0) owners.set(owner, rest);
        else owners.delete(owner);
        held.bodyBytes -= taken;
        taken = 0;
      },
    };
  }

  function next(): void {
    const wake = waiting.shift();
    if (!wake) {
      stepping = false;
      return;
    }
    wake();
    void turn().then(next);
  }

  return {
    lookups: placesOf('lookups', maxClaims * lookupsPerClaim),
    claims: placesOf('claims', maxClaims),
    requests: placesOf('requests', maxRequests),

    admitStranger() {
      if (strangers >= maxStrangers) {
        shed.strangers++;
        return false;
      }
      if (strangers++ === 0) {
        void turn().then(() => {
          strangers = 0;
        });
      }
      return true;
    },

    openBody,

    step() {
      if (stepping) return new Promise((resolve) => waiting.push(resolve));
      stepping = true;
      void turn().then(next);
      return Promise.resolve();
    },

    get gauge() {
      const { claims, requests, bodyBytes } = held;
      return { claims, requests, bodyBytes, shed: { ...shed } };
    },
  };
}

function timerTurn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
