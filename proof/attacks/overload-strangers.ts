import { openLine, type Line } from './line.js';

/** Those who pay nothing, in a process of their own: they ask at a rate, whatever the vendor says, on many connections. */

export interface Flood {
  readonly name: string;
  readonly connections: number;
  /** Requests that one connection has under way at most. */
  readonly depth: number;
  /** Its part of all requests. */
  readonly share: number;
  /** Requests as they go over the wire, taken in turn. Of one that trickles: a head and a little of the body. */
  readonly requests: readonly string[];
  /** Sends no more than the beginning, and then a byte at a time. */
  readonly trickles?: boolean;
  /** Milliseconds after which a connection that hears nothing is closed and opened again. */
  readonly patienceMs: number;
}

export interface FloodOrder {
  readonly port: number;
  readonly floods: readonly Flood[];
  /** Requests a second, of all. */
  readonly perSecond: number;
  readonly seconds: number;
}

export interface Heard {
  /** Requests that were to be made. */
  offered: number;
  /** Those that were: for the others no connection was free. */
  sent: number;
  /** Answers by status. */
  readonly statuses: Record<string, number>;
  withoutRetryAfter: number;
  /** Connections that the vendor closed. */
  hungUp: number;
  /** Requests that were sent and got no answer before the connection was closed, by either side. */
  dropped: number;
}

export type FloodReport = Readonly<Record<string, Heard>>;

const tickMs = 10;
const trickleEveryMs = 200;

/** Waits for an order, floods, and tells what was heard; again and again, until the other side goes away. */
export function serveFloods(): void {
  process.on('message', (order) => {
    void flood(order as FloodOrder).then((report) => process.send?.(report));
  });
  process.send?.('ready');
}

async function flood({ port, floods, perSecond, seconds }: FloodOrder): Promise<FloodReport> {
  const running = floods.map((one) => startFlood(port, one, perSecond * one.share));
  let last = performance.now();
  const ticking = setInterval(() => {
    const now = performance.now();
    for (const one of running) one.tick(now, (now - last) / 1000);
    last = now;
  }, tickMs);
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  clearInterval(ticking);
  return Object.fromEntries(running.map((one, i) => [floods[i]!.name, one.end()]));
}

interface Seat {
  line?: Line;
  since: number;
  /** Its stranger has lost his patience. */
  isLeft: boolean;
}

function startFlood(
  port: number,
  { connections, depth, requests, trickles, patienceMs }: Flood,
  rate: number,
) {
  const heard: Heard = { offered: 0, sent: 0, statuses: {}, withoutRetryAfter: 0, hungUp: 0, dropped: 0 };
  let ended = false;
  let due = 0;
  let next = 0;
  let turn = 0;

  const sit = (seat: Seat): Seat => {
    seat.line = openLine(port, {
      onAnswer({ status, hasRetryAfter }) {
        heard.statuses[status] = (heard.statuses[status] ?? 0) + 1;
        if (status === 503 && !hasRetryAfter) heard.withoutRetryAfter++;
        seat.since = performance.now();
      },
      onClose(unanswered) {
        heard.dropped += unanswered;
        if (ended) return;
        if (!seat.isLeft) heard.hungUp++;
        sit(seat);
      },
    });
    seat.isLeft = false;
    seat.since = performance.now();
    return seat;
  };
  const seats = Array.from({ length: connections }, () => sit({ since: 0, isLeft: false }));

  /** @returns whether there was room for a request */
  const ask = (now: number): boolean => {
    for (let i = 0; i < seats.length; i++) {
      const seat = seats[next++ % seats.length]!;
      const { line } = seat;
      if (!line?.isFree || line.waiting >= depth) continue;
      if (line.waiting === 0) seat.since = now;
      line.send(requests[turn++ % requests.length]!);
      return true;
    }
    return false;
  };

  return {
    tick(now: number, elapsed: number): void {
      for (const seat of seats) {
        const { line, since } = seat;
        if (!line?.waiting) continue;
        if (now - since > patienceMs) {
          seat.isLeft = true;
          line.close();
        } else if (trickles && (now + since) % trickleEveryMs < tickMs) line.trickle(' ');
      }
      due += trickles ? seats.length : rate * elapsed;
      if (!trickles) heard.offered += Math.floor(due);
      while (due >= 1) {
        if (!ask(now)) break;
        heard.sent++;
        due--;
      }
      // What found no connection is not made up for.
      if (trickles) {
        heard.offered = heard.sent;
        due = 0;
      } else due %= 1;
    },
    end(): Heard {
      ended = true;
      for (const { line } of seats) line?.close();
      return heard;
    },
  };
}
