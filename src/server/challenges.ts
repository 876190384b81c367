import { toBase64url } from '../core/base64url.js';
import type { HmacKey } from '../core/hash.js';
import type { KeyDocument } from '../core/key-document.js';
import { isImpulsError } from '../core/errors.js';
import {
  challengeId,
  decodeRequest,
  encodeRequest,
  formatChallenge,
  formatExpires,
  methodName,
  parseChallenges,
  parseExpires,
  verifyChallengeId,
  type Challenge,
} from '../core/wire/index.js';

/** What a 402 asks for, and whether what comes back is ours (docs/spec.md §8). */
export interface Challenges {
  /** The two `WWW-Authenticate` values for a price in units: a session challenge and a single-use charge. */
  issue(price: number, demands: Demands, now: number): readonly [session: string, charge: string];
  /** The session challenge alone, for those who ask what is for sale. The same for everybody in one minute. */
  session(price: number, demands: Demands, now: number): Challenge;
  /** When a challenge of ours ends, in Unix seconds; undefined for one that is not ours. */
  verify(challenge: Challenge): number | undefined;
  /** Whether a `charge` challenge is still free for the claim of this tag, which then holds it. */
  claimCharge(challenge: Challenge, tag: string, now: number): boolean;
}

/** What a route asks of a claim beside its price. */
export interface Demands {
  /** The headers that a claim covers: lower case, ascending. */
  readonly headers: readonly string[];
  readonly seal: 'aes128gcm' | undefined;
}

export interface ChallengesOptions {
  readonly secret: HmacKey;
  readonly document: KeyDocument;
  /** D of the document that is out now, base64url. */
  readonly digest: () => string;
  readonly random: (length: number) => Uint8Array;
}

/** Seconds that a challenge lives; a session's are rounded up to a full minute. */
const sessionSeconds = 3600;
const chargeSeconds = 600;
/** Session challenges and used charges kept in memory. */
const maxKept = 10_000;

export function createChallenges({ secret, document, digest, random }: ChallengesOptions): Challenges {
  const realm = new URL(document.origin).hostname;
  const { code, currency, value } = document.unit;
  const sessions = new Map<string, { readonly until: number; readonly header: string }>();
  const verified = new WeakMap<Challenge, number>();
  const charges = new Map<string, { readonly until: number; readonly tag: string }>();

  function format(
    intent: 'session' | 'charge',
    price: number,
    { headers, seal }: Demands,
    until: number,
  ): string {
    const request = encodeRequest({
      amount: String(price),
      currency: code,
      methodDetails: {
        document: digest(),
        unit: { currency, value },
        version: 1,
        ...(headers.length > 0 ? { headers: [...headers] } : {}),
        ...(intent === 'charge' ? { nonce: toBase64url(random(16)) } : {}),
        ...(seal ? { seal } : {}),
      },
    });
    const slots = { realm, method: methodName, intent, request, expires: formatExpires(until) };
    return formatChallenge({ id: challengeId(secret, slots), ...slots });
  }

  function session(price: number, demands: Demands, now: number): string {
    const until = Math.ceil((now + sessionSeconds) / 60) * 60;
    const name = `${digest()} ${price} ${demands.seal ?? ''} ${demands.headers.join()}`;
    const kept = sessions.get(name);
    if (kept?.until === until) return kept.header;
    const header = format('session', price, demands, until);
    if (sessions.size >= maxKept) sessions.clear();
    sessions.set(name, { until, header });
    return header;
  }

  return {
    session: (price, demands, now) => parseChallenges(session(price, demands, now))[0]!,

    issue: (price, demands, now) => [
      session(price, demands, now),
      format('charge', price, demands, now + chargeSeconds),
    ],

    verify(challenge) {
      const held = verified.get(challenge);
      if (held !== undefined) return held;
      if (challenge.realm !== realm || challenge.method !== methodName || challenge.expires === undefined)
        return undefined;
      if (!verifyChallengeId(secret, challenge)) return undefined;
      try {
        decodeRequest(challenge.request);
        const expires = parseExpires(challenge.expires);
        verified.set(challenge, expires);
        return expires;
      } catch (error) {
        if (isImpulsError(error, 'malformed')) return undefined;
        throw error;
      }
    },

    claimCharge(challenge, tag, now) {
      if (challenge.intent !== 'charge') return true;
      const held = charges.get(challenge.id);
      if (held) return held.tag === tag;
      for (const [id, { until }] of charges) {
        if (until >= now && charges.size < maxKept) break;
        charges.delete(id);
      }
      charges.set(challenge.id, { until: now + chargeSeconds, tag });
      return true;
    },
  };
}
