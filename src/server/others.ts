import { acceptedChallenges } from '../core/wire/accept-payment.js';
import type { Call, Header, Reply } from './call.js';
import type { Cors } from './cors.js';
import type { Admission, Gate } from './gate.js';
import { unavailableReply } from './problems.js';

/**
 * Another way to pay for a route, side by side with cards: its challenges stand on the same 402, and a call that carries one of its
 * credentials is its to judge.
 */
export interface OtherMethod {
  /** Whether a call carries one of its credentials. A look at a header; it raises nothing. */
  carries(call: Call): boolean;
  /**
   * Its verdict. A refusal with 402 brings no challenges along: they are put on it. Whatever this raises leaves the outcome open, and is
   * answered 503: a 402 would make an honest payer pay twice.
   *
   * @param ours judges by cards, for a method that carries their claims in a form of its own
   */
  admit(call: Call, ours: Gate): Promise<Admission>;
  /**
   * The headers of its challenges to a call that is not paid.
   *
   * @param ours the challenges that ask for cards
   */
  challenge(call: Call, ours: readonly Header[]): Promise<readonly Header[]>;
  /** Names of headers that pages of other origins send and read, beside ours. */
  readonly requestHeaders?: readonly string[];
  readonly responseHeaders?: readonly string[];
}

export interface OthersContext {
  readonly cors: Cors;
  readonly onError: (error: unknown) => void;
}

const challengeName = 'WWW-Authenticate';

/** Opens a gate to other methods. */
export function openToOthers(
  ours: Gate,
  others: readonly OtherMethod[],
  { cors, onError }: OthersContext,
): Gate {
  async function challenged(call: Call, reply: Reply): Promise<Reply> {
    const bare = unpaid(call, others);
    const asking = await ours(bare);
    if (asking.status === 'refused' && asking.reply.status === 503) return asking.reply;
    const cards =
      asking.status === 'refused' ? asking.reply.headers.filter(([name]) => name === challengeName) : [];
    const offered = [...cards];
    for (const other of others) {
      try {
        offered.push(...(await other.challenge(bare, cards)));
      } catch (error) {
        // One that cannot be paid by now is not offered; the others are.
        onError(error);
      }
    }
    const headers = [...reply.headers.filter(([name]) => name !== challengeName), ...offered];
    return { ...reply, headers: acceptedHeaders(headers, call) };
  }

  return async (call) => {
    const other = others.find((one) => one.carries(call));
    let admission: Admission;
    try {
      admission = await (other ? other.admit(call, ours) : ours(call));
    } catch (error) {
      if (!other) throw error;
      onError(error);
      return { status: 'refused', reply: unavailableReply(cors.headers(call, exposedBy(others))) };
    }
    if (admission.status !== 'refused' || admission.reply.status !== 402) return admission;
    return { status: 'refused', reply: await challenged(call, admission.reply) };
  };
}

/** The client chooses among all of them. */
function acceptedHeaders(headers: readonly Header[], call: Call): Header[] {
  const isChallenge = ([name]: Header): boolean => name === challengeName;
  const challenges = headers.filter(isChallenge).map(([, value]) => value);
  const accepted = acceptedChallenges(challenges, call.header('accept-payment'));
  return [
    ...headers.filter((header) => !isChallenge(header)),
    ...accepted.map((value): Header => [challengeName, value]),
  ];
}

export function exposedBy(others: readonly OtherMethod[]): string[] {
  return others.flatMap(({ responseHeaders = [] }) => responseHeaders);
}

/** The same call, as a client makes it that knows nothing of payments. */
function unpaid(call: Call, others: readonly OtherMethod[]): Call {
  const credentials = others.flatMap(({ requestHeaders = [] }) => requestHeaders);
  const left = ['authorization', 'accept-payment', ...credentials.map((name) => name.toLowerCase())];
  return {
    method: call.method,
    target: call.target,
    header: (name) => (left.includes(name) ? undefined : call.header(name)),
    body: (limit, take) => call.body(limit, take),
    source: call.source,
  };
}
