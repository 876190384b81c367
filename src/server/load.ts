import { ImpulsError } from '../core/errors.js';

/**
 * What a vendor takes on at a time. What is more is answered 503 with `Retry-After`, before anything is claimed for it: claims of cards are
 * shed last, who shows no card first, and steps with public keys follow each other at a distance. Who is shed for
 * showing no card hears of it later: who asks again and again asks once in that time.
 *
 * No call waits for another one: some platforms forget a call whose caller has gone, with its timers and all that it was to do.
 */

export interface LoadOptions {
  /** Claims whose tag holds and whose verdict is not durable yet. Default 512. */
  readonly maxClaims?: number;
  /** Answers to unpaid calls, unknown cards and wrong tags in 20 ms, while claims wait for their verdict. Default 64. */
  readonly maxStrangers?: number;
  /** Strangers who are shed and have not heard of it yet. One more hears at once. Default 4,096. */
  readonly maxHeld?: number;
  /** Calls at the vendor's own endpoints that have arrived whole and are not answered. Default 64. */
  readonly maxRequests?: number;
  /** Bytes of bodies that are arriving, in all. One card or source has a sixteenth of them. Default 64 MiB. */
  readonly maxBodyBytes?: number;
  /** From one step with a public key to the next, in milliseconds; five times as long while claims wait for their verdict. Default 4. */
  readonly stepMs?: number;
  /** Milliseconds of a clock that does not jump. Default `performance.now`. */
  readonly now?: () => number;
  /** Resolves after so many milliseconds. Default: a timer. */
  readonly wait?: (milliseconds: number) => Promise<void>;
}

/** How much a vendor has to do now, and what it has shed since it started. */
export interface LoadGauge {
  readonly claims: number;
  readonly requests: number;
  readonly bodyBytes: number;
  readonly held: number;
  readonly shed: Readonly<Record<LoadKind, number>>;
}

export type LoadKind = 'claims' | 'strangers' | 'requests' | 'bodies';

/** So many at a time. */
export interface Places {
  readonly taken: number;
  /** Undefined: there is none free. */
  enter(): Place | undefined;
}

export interface Place {
  leave(): void;
}

export interface Load {
  /** Cards of claims that are looked up. */
  readonly lookups: Places;
  readonly claims: Places;
  readonly requests: Places;
  /** Whether somebody who shows no card is answered now. */
  admitStranger(): boolean;
  /**
   * Lets somebody who is shed wait until he hears of it. Undefined: he hears at once, for too many wait, or somebody on his connection.
   *
   * @param connection its identity, if there is such a thing
   */
  hold(connection: object | undefined): Promise<void> | undefined;
  /** Counts the bytes of one body that is arriving, until `end`. */
  openBody(owner: string, limit: number): ArrivingBody;
  /** Resolves when a step with a public key may be done. */
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
const strangersMs = 20;
/** A step takes a millisecond or two, in which no claim is looked at. */
const busySteps = 5;
/** What who is shed is told to wait. */
const heldMs = 1000;
/** Where there is no room, what has not moved for so long is a call that was forgotten. */
const forgottenMs = 60_000;

/** @throws ImpulsError `invalid-argument` for a bound that is none */
export function createLoad(options: LoadOptions = {}): Load {
  const { maxClaims = 512, maxStrangers = 64, maxRequests = 64, maxBodyBytes = 64 << 20 } = options;
  const { maxHeld = 4096, stepMs = 4, now = () => performance.now(), wait = timer } = options;
  for (const bound of [maxClaims, maxStrangers, maxRequests, maxBodyBytes, maxHeld]) {
    if (Number.isInteger(bound) && bound >= 1) continue;
    throw new ImpulsError('invalid-argument', `a bound of the load is a whole number from 1, not ${bound}`);
  }
  const shed: Record<LoadKind, number> = { claims: 0, strangers: 0, requests: 0, bodies: 0 };
  const places = (kind: LoadKind, limit: number): Places => new PlaceList(limit, now, () => shed[kind]++);
  const held = new PlaceList(maxHeld, now, () => {});
  const heldOn = new WeakSet<object>();
  const lookups = places('claims', maxClaims * lookupsPerClaim);
  const claims = places('claims', maxClaims);
  const requests = places('requests', maxRequests);
  const bodies = new Bodies(maxBodyBytes, now, () => shed.bodies++);
  let strangers = 0;
  let since = -Infinity;
  let nextStep = -Infinity;

  return {
    lookups,
    claims,
    requests,

    admitStranger() {
      if (claims.taken === 0) return true;
      const time = now();
      if (time - since >= strangersMs) {
        since = time;
        strangers = 0;
      }
      if (strangers++ < maxStrangers) return true;
      shed.strangers++;
      return false;
    },

    hold(connection) {
      if (connection && heldOn.has(connection)) return undefined;
      const place = held.enter();
      if (!place) return undefined;
      if (connection) heldOn.add(connection);
      return wait(heldMs).then(() => {
        place.leave();
        if (connection) heldOn.delete(connection);
      });
    },

    openBody: (owner, limit) => bodies.open(owner, limit),

    async step() {
      const time = now();
      const at = Math.max(time, nextStep);
      nextStep = at + (claims.taken > 0 ? busySteps * stepMs : stepMs);
      if (at > time) await wait(at - time);
    },

    get gauge() {
      const { bytes: bodyBytes } = bodies;
      const gauge = { claims: claims.taken, requests: requests.taken, bodyBytes, held: held.taken };
      return { ...gauge, shed: { ...shed } };
    },
  };
}

/** Those that are taken are a list, the oldest first: one is taken and left with every claim. */
class PlaceList implements Places {
  readonly #limit: number;
  readonly #now: () => number;
  readonly #onFull: () => void;
  #oldest: TakenPlace | undefined;
  #latest: TakenPlace | undefined;
  #taken = 0;

  constructor(limit: number, now: () => number, onFull: () => void) {
    this.#limit = limit;
    this.#now = now;
    this.#onFull = onFull;
  }

  get taken(): number {
    return this.#taken;
  }

  enter(): Place | undefined {
    const now = this.#now();
    while (this.#taken >= this.#limit && now - this.#oldest!.since >= forgottenMs) this.#oldest!.leave();
    if (this.#taken >= this.#limit) {
      this.#onFull();
      return undefined;
    }
    const place = new TakenPlace(this, now, this.#latest);
    if (this.#latest) this.#latest.next = place;
    else this.#oldest = place;
    this.#latest = place;
    this.#taken++;
    return place;
  }

  remove({ previous, next }: TakenPlace): void {
    if (previous) previous.next = next;
    else this.#oldest = next;
    if (next) next.previous = previous;
    else this.#latest = previous;
    this.#taken--;
  }
}

class TakenPlace implements Place {
  readonly since: number;
  previous: TakenPlace | undefined;
  next: TakenPlace | undefined = undefined;
  #list: PlaceList | undefined;

  constructor(list: PlaceList, since: number, previous: TakenPlace | undefined) {
    this.#list = list;
    this.since = since;
    this.previous = previous;
  }

  /** Done again, it does nothing. */
  leave(): void {
    this.#list?.remove(this);
    this.#list = undefined;
  }
}

/** Bodies that are arriving. */
class Bodies {
  bytes = 0;
  readonly #limit: number;
  readonly #now: () => number;
  readonly #onFull: () => void;
  /** When something of each last came. */
  readonly #open = new Map<ArrivingBody, number>();
  readonly #byOwner = new Map<string, number>();

  constructor(limit: number, now: () => number, onFull: () => void) {
    this.#limit = limit;
    this.#now = now;
    this.#onFull = onFull;
  }

  open(owner: string, limit: number): ArrivingBody {
    let taken = 0;
    const count = (bytes: number): void => {
      const own = (this.#byOwner.get(owner) ?? 0) + bytes;
      if (own > 0) this.#byOwner.set(owner, own);
      else this.#byOwner.delete(owner);
      this.bytes += bytes;
      taken += bytes;
    };
    // One body alone may be as long as its route says.
    const share = Math.max(limit, this.#limit / ownersPerBudget);
    const hasRoom = (bytes: number): boolean =>
      (this.#byOwner.get(owner) ?? 0) + bytes <= share &&
      (this.bytes === taken || this.bytes + bytes <= this.#limit);
    const body: ArrivingBody = {
      take: (bytes) => {
        if (!hasRoom(bytes)) this.#forget();
        if (!hasRoom(bytes)) {
          this.#onFull();
          throw new ImpulsError('throttled', 'too much is arriving');
        }
        this.#open.set(body, this.#now());
        count(bytes);
      },
      end: () => {
        this.#open.delete(body);
        count(-taken);
      },
    };
    return body;
  }

  #forget(): void {
    for (const [body, at] of this.#open) if (this.#now() - at >= forgottenMs) body.end();
  }
}

function timer(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
