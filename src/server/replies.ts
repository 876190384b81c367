import { ImpulsError } from '../core/errors.js';
import { limits } from '../core/limits.js';
import { createCounter } from './counter.js';
import type { ClaimRecord, StoredReply } from './ledger.js';

/** What is kept of the answers to unsafe methods, so that a repeat gets them again. */
export interface ReplyLimits {
  /** The longest body that is kept, in bytes, at most 1 MiB. Default 65,536. */
  readonly maxBytes?: number;
  /** Seconds after its payment in which an answer is told again. Default: until the ledger has erased it. */
  readonly maxAgeSeconds?: number;
  /** How often it is told again, since this process began. Default 16. */
  readonly maxRepeats?: number;
  /** Answers kept for one card in `maxAgeSeconds`, or in a day where that is not said; counted in memory. Default: any number. */
  readonly maxPerCard?: number;
}

/** The answers of a route. */
export interface Replies {
  readonly maxBytes: number;
  /** Whether the answer of a payment is to be kept; it is counted then. */
  admit(card: string, reply: StoredReply): boolean;
  /** The answer of a claim, if it may be told again. @param repeats how often, this time with it @param now Unix seconds */
  tell(record: ClaimRecord, repeats: number, now: number): StoredReply | undefined;
}

const daySeconds = 86_400;

/**
 * @param clock milliseconds
 * @throws ImpulsError `invalid-argument` for a limit that is no number from 0 on, or more bytes than 1 MiB
 */
export function createReplies(given: ReplyLimits, clock: () => number): Replies {
  const { maxBytes = limits.replyBytes, maxRepeats = limits.repeats } = given;
  const { maxAgeSeconds = Infinity, maxPerCard = Infinity } = given;
  if (![maxBytes, maxRepeats, maxAgeSeconds, maxPerCard].every((value) => value >= 0)) {
    throw new ImpulsError('invalid-argument', 'a limit of kept replies is a number from 0 on');
  }
  if (maxBytes > limits.bodyBytes) {
    throw new ImpulsError('invalid-argument', `a reply of at most ${limits.bodyBytes} bytes can be kept`);
  }
  const stretch = Number.isFinite(maxAgeSeconds) ? Math.max(1, maxAgeSeconds) : daySeconds;
  const kept = createCounter();
  return {
    maxBytes,
    admit(card, { body }) {
      if (body.length > maxBytes) return false;
      if (maxPerCard === Infinity) return true;
      const name = `${card} ${Math.floor(clock() / 1000 / stretch)}`;
      if (kept.count(name) >= maxPerCard) return false;
      kept.add(name);
      return true;
    },
    tell({ reply, acceptedAt }, repeats, now) {
      return repeats <= maxRepeats && now - acceptedAt <= maxAgeSeconds ? reply : undefined;
    },
  };
}
