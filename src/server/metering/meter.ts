/** A stream that costs as it goes on (docs/spec.md §11): what its handler sees of the claims that pay it. */

/**
 * Why a meter is over. `finished`: the handler said so. `unpaid`: no claim came in time. `left`: the client went away and did not come back.
 * `superseded`: another stream goes on in the place of this one; the meter itself is not over.
 */
export type MeterEnd = 'finished' | 'unpaid' | 'left' | 'superseded';

export interface Meter {
  /** Names it to the client that pays, and to nobody else: 16 random bytes, base64url. */
  readonly id: string;
  /** Units used so far, by this stream and by those that it goes on from. */
  readonly used: number;
  /** Whether this stream goes on where another one of the same client was cut off. */
  readonly resumed: boolean;
  readonly ended: MeterEnd | undefined;
  /**
   * Uses so many units, and waits where they are not paid yet: to be called before what they are for is sent. What could be taken of them
   * before a meter ended stays used.
   *
   * @returns whether they are paid; false: the stream has to end now, and `ended` says why
   */
  use(units: number): Promise<boolean>;
  /** The same until `used` is `total`: nothing where it is that already. For what has a place, such as a byte of a file. */
  reach(total: number): Promise<boolean>;
  /** The stream is over: what is claimed and not used goes back. */
  end(): void;
  /** The client is cut off: the meter waits a while for it to come back, then it ends. */
  pause(): void;
}

export interface MeteringOptions {
  /** How long a stream waits for the next claim before it ends as unpaid. Default 10,000. */
  readonly graceMs?: number;
  /** How long a claim is held at most; it is then answered for what was used of it. Default 10,000. */
  readonly holdMs?: number;
  /** How long a client that was cut off may take to come back, and how long a meter that ended can be asked how. Default 30,000. */
  readonly lingerMs?: number;
  /** Meters in all; beyond, none is opened. Default 10,000. */
  readonly maxMeters?: number;
  /** Meters of one card; beyond, the oldest ends. Default 16. */
  readonly maxPerCard?: number;
  /**
   * 1 to 4 letters, digits, `-` and `_` with which the ids of its meters begin, so that a load balancer before several servers knows which of
   * them has the meter. 128 bits of an id are random, less 6 for each. Default: all are.
   */
  readonly server?: string;
  /** Calls back after so many milliseconds. @returns what prevents it. Default `setTimeout`. */
  readonly after?: (milliseconds: number, callback: () => void) => () => void;
}

/** What a payment opens a meter with. */
export interface Opening {
  /** The id of the card, base64url. */
  readonly card: string;
  /** Of the claim. */
  readonly tag: string;
  /** The class of the route, for the books. */
  readonly route: string;
  /** Paid already. */
  readonly units: number;
  /** The id of the meter to go on with, as the client says. */
  readonly continues: string | undefined;
}
