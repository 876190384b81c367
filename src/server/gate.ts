import { toBase64url } from '../core/base64url.js';
import type { ClaimedRequest } from '../core/claim.js';
import { ImpulsError, isImpulsError, type ErrorCode } from '../core/errors.js';
import { limits } from '../core/limits.js';
import { acceptedChallenges } from '../core/wire/accept-payment.js';
import type { JsonObject } from '../core/wire/canonical-json.js';
import { createCredentialParser } from '../core/wire/credential-parser.js';
import type { Credential } from '../core/wire/credential.js';
import { problems, type ProblemCode } from '../core/wire/problem.js';
import { acceptClaim, type Acceptance, type Accepting, type TakingBack } from './accept.js';
import type { Activity } from './activity.js';
import { isSafe, type Call, type Header, type Reply } from './call.js';
import type { Challenges, Demands } from './challenges.js';
import type { Cors } from './cors.js';
import type { StoredReply } from './ledger.js';
import { exposedBy, openToOthers, type OtherMethod } from './others.js';
import { createPayment, stateHeader, type Payment, type PaymentContext } from './payment.js';
import {
  foreignChallenge,
  overloadedReply,
  problemReply,
  supersededProblems,
  unavailableReply,
  unknownProblems,
  verdictProblems,
} from './problems.js';
import { createReplies, type ReplyLimits } from './replies.js';

/** A paid route: what it costs and how it is charged. */
export interface Route {
  /**
   * Units, at least 1; or a function of the request, which may read the body: then whoever shows no card can have it kept, and
   * `LoadOptions.maxBodyBytes` does not count it. An ImpulsError `malformed` or `too-large` that it throws
   * is the caller's mistake: 400 or 413, and nothing is claimed.
   */
  readonly price: number | ((call: Call) => number | Promise<number>);
  /** `capture`: the handler calls `payment.capture(units)` with what it used, at most what the claim holds. Default `price`. */
  readonly charge?: 'price' | 'capture';
  /** Request headers that change the output; a claim is bound to their values. Default none. */
  readonly headers?: readonly string[];
  /** `required`: only a claim that asks for a sealed answer is accepted, and the challenge says so. Default: as the client asks. */
  readonly seal?: 'required';
  /** The largest request body, in bytes. Default 1 MiB. */
  readonly maxBodyBytes?: number;
  /** What is kept of the answers to unsafe methods. Default: what the vendor says. */
  readonly replies?: ReplyLimits;
  /** Its class in the vendor's books, at most 64 characters. Default: the path of its listing, else ''. */
  readonly name?: string;
  /** Other ways to pay for it, side by side with cards. Default none. */
  readonly others?: readonly OtherMethod[];
  /** How the route appears in `/openapi.json`; without it, it does not. */
  readonly listing?: RouteListing;
}

export interface RouteListing {
  readonly method: string;
  /** An OpenAPI path, such as `/articles/{id}`. */
  readonly path: string;
  readonly summary?: string;
  /** What a price that is a function depends on, for people: `a unit for each 1,000 characters`. */
  readonly pricing?: string;
  /** More of the OpenAPI operation: `requestBody`, `parameters`, `tags`, `responses`. What the route itself says stands before it. */
  readonly operation?: JsonObject;
  /** Asked whenever the routes are described. Default: always. */
  readonly when?: () => boolean;
}

/** What a gate says to a request: it is paid, or this is the answer. */
export type Admission =
  | { readonly status: 'paid'; readonly payment: Payment; /** What arrived. */ readonly body: Uint8Array }
  /** Paid and done before: this is what the handler said then. */
  | { readonly status: 'replayed'; readonly payment: Payment; readonly reply: StoredReply }
  | { readonly status: 'refused'; readonly reply: Reply };

export type Gate = (call: Call) => Promise<Admission>;

export interface GateContext extends Accepting, PaymentContext {
  /** That of the key document; targets are made with it, never with a Host header. */
  readonly origin: string;
  readonly challenges: Challenges;
  readonly cors: Cors;
  readonly activity: Activity;
  /** Where a route says nothing else. */
  readonly replies: ReplyLimits;
}

/** A call, and what it is asked for. */
interface Asked {
  readonly call: Call;
  /** Headers that every answer gets. */
  readonly shared: readonly Header[];
  /** Units. */
  readonly price: number;
  /** Unix seconds. */
  readonly now: number;
}

/** @param takingBack of a route that takes cards back: for a call and its body, where the units go */
export function createGate(
  context: GateContext,
  route: Route,
  takingBack?: (body: Uint8Array) => TakingBack,
): Gate {
  const demands = demandsOf(route);
  const { headers: declared } = demands;
  const { charge = 'price', maxBodyBytes = limits.bodyBytes, name = route.listing?.path ?? '' } = route;
  const { others = [] } = route;
  const sent = [...declared, ...others.flatMap(({ requestHeaders = [] }) => requestHeaders)];
  const exposed = exposedBy(others);
  const parser = createCredentialParser();
  const replies = createReplies({ ...context.replies, ...route.replies }, context.clock);

  /** Every 402 carries fresh challenges, those that the client accepts, and nothing else does. */
  function challengesFor(code: ProblemCode, { price, now, call }: Asked): Header[] {
    if (problems[code].status !== 402) return [];
    const challenges = context.challenges.issue(price, demands, now);
    const accepted = acceptedChallenges(challenges, call.header('accept-payment'));
    return accepted.map((value) => ['WWW-Authenticate', value] as const);
  }

  function refuse(
    asked: Asked,
    code: ProblemCode,
    detail?: string,
    headers: readonly Header[] = [],
  ): Admission {
    const all = [...headers, ...asked.shared, ...challengesFor(code, asked)];
    return { status: 'refused', reply: problemReply(code, detail, all) };
  }

  function shed(shared: readonly Header[]): Admission {
    context.activity.count('shed');
    return { status: 'refused', reply: overloadedReply(shared) };
  }

  /** To a caller who has shown no card. */
  async function stop(asked: Asked, code: ProblemCode, detail?: string): Promise<Admission> {
    if (context.load.admitStranger()) return refuse(asked, code, detail);
    await context.load.hold(asked.call.connection);
    return shed(asked.shared);
  }

  /** Reads a body as far as there is room for what arrives. */
  async function readBody(call: Call, card: Uint8Array): Promise<Uint8Array> {
    const arriving = context.load.openBody(toBase64url(card), maxBodyBytes);
    try {
      return await call.body(maxBodyBytes, arriving.take);
    } finally {
      arriving.end();
    }
  }

  const gate: Gate = async (call) => {
    const preflight = context.cors.preflight(call, sent);
    if (preflight) return { status: 'refused', reply: preflight };
    const shared = context.cors.headers(call, exposed);
    const now = Math.floor(context.clock() / 1000);
    let price: number;
    try {
      const named = typeof route.price === 'number' ? route.price : route.price(call);
      price = typeof named === 'number' ? named : await named;
    } catch (error) {
      const code = isImpulsError(error) ? unpriced[error.code] : undefined;
      if (!code) throw error;
      return { status: 'refused', reply: problemReply(code, (error as ImpulsError).message, shared) };
    }
    if (!Number.isInteger(price) || price < 1 || price > limits.maxUint32) {
      throw new ImpulsError(
        'invalid-argument',
        `a price is a whole number of units, at least 1, not ${price}`,
      );
    }
    const asked = { call, shared, price, now };

    const authorization = call.header('authorization');
    if (authorization === undefined) return stop(asked, 'payment-required', costs(price));
    if (call.target.length > limits.targetBytes) return refuse(asked, 'malformed', 'The target is too long.');
    let credential: Credential | null;
    try {
      credential = parser.parse(authorization);
    } catch (error) {
      if (isImpulsError(error, 'malformed')) return stop(asked, 'malformed-credential', error.message);
      throw error;
    }
    if (!credential) return stop(asked, 'payment-required', costs(price));

    const { challenge, payload } = credential;
    const request: ClaimedRequest = {
      method: call.method,
      target: context.origin + call.target,
      headers: declared.map((name) => [name, call.header(name) ?? ''] as const),
      digest: payload.digest,
      challengeId: challenge.id,
      seal: payload.seal,
    };
    const challengeExpires = context.challenges.verify(challenge);
    if (challengeExpires !== undefined && challenge.intent === 'session') parser.remember(challenge);
    // What has been credited can be said again.
    const safe = takingBack !== undefined || isSafe(call.method);
    let acceptance: Acceptance;
    try {
      acceptance = await acceptClaim(context, payload, request, {
        price,
        charge,
        safe,
        idempotencyKey: safe ? undefined : call.header('idempotency-key') || undefined,
        route: name,
        now,
        challengeExpires,
        sealed: route.seal === undefined || payload.seal !== undefined,
        challengeFree: (tag) => context.challenges.claimCharge(challenge, tag, now),
        body: call.bodyless ? undefined : () => readBody(call, payload.card),
        takingBack,
      });
    } catch (error) {
      if (isImpulsError(error, 'too-large')) return refuse(asked, 'body-too-large', error.message);
      if (isImpulsError(error, 'throttled')) return shed(shared);
      if (!isImpulsError(error, 'storage-failed')) throw error;
      context.onError(error);
      return { status: 'refused', reply: unavailableReply(shared) };
    }
    if (acceptance.status === 'shed') return shed(shared);
    context.activity.count(acceptance.status === 'unknown' ? 'unknown' : acceptance.verdict);
    if (acceptance.status === 'unknown') return stop(asked, ...unknownProblems[acceptance.reason]);
    if (acceptance.status === 'refused') {
      const { card, tools, verdict, holder } = acceptance;
      const state = stateHeader(card, tools, verdict, payload.tag, holder);
      const foreign = verdict === 'expired' && challengeExpires === undefined;
      const [code, detail] = foreign ? foreignChallenge : verdictProblems[verdict];
      return refuse(asked, code, detail, verdict === 'in-progress' ? [state, ['Retry-After', '1']] : [state]);
    }
    const payment = createPayment(context, acceptance, payload, shared, replies, call);
    const { card, tools, verdict } = acceptance;
    if (acceptance.status === 'paid' && (verdict === 'accepted' || acceptance.record.safe)) {
      return { status: 'paid', payment, body: acceptance.body };
    }
    if (acceptance.status === 'superseded' && acceptance.request !== 'same') {
      const state = stateHeader(card, tools, verdict, payload.tag);
      return refuse(asked, ...supersededProblems[acceptance.request], [state]);
    }
    const record = acceptance.status === 'superseded' ? acceptance.earlier : acceptance.record;
    const reply = replies.tell(record, context.repeats.count(record.tag), now);
    if (reply) return { status: 'replayed', payment, reply };
    return refuse(asked, 'already-done', 'It is done, and what it answered is not told again.', [
      stateHeader(card, tools, verdict, payload.tag),
    ]);
  };
  return others.length > 0 ? openToOthers(gate, others, context) : gate;
}

/** Why a request has no price. */
const unpriced: Partial<Record<ErrorCode, ProblemCode>> = {
  malformed: 'malformed',
  'too-large': 'body-too-large',
};

export function demandsOf({ headers = [], seal }: Route): Demands {
  return { headers: headers.map((name) => name.toLowerCase()).sort(), seal: seal && 'aes128gcm' };
}

function costs(price: number): string {
  return `This costs ${price} ${price === 1 ? 'unit' : 'units'}.`;
}
