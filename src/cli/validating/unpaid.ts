import { randomBytes } from 'node:crypto';
import { toBase64url } from '../../core/base64url.js';
import { utf8 } from '../../core/bytes.js';
import { isImpulsError } from '../../core/errors.js';
import { limits } from '../../core/limits.js';
import type { Challenge } from '../../core/wire/challenge.js';
import { formatCredential } from '../../core/wire/credential.js';
import { decodeRequest, type ImpulsRequest } from '../../core/wire/request.js';
import { parseExpires } from '../../core/wire/time.js';
import { fail, ok, warn, type Check } from '../doctor/check.js';
import type { Target } from './api.js';
import { problemOf } from './endpoints.js';
import { ask, challengesOf, listOf, type Answer, type Probe } from './probe.js';

/** What a paid route says to those who do not pay (docs/spec.md §8). */

export interface RouteProbe extends Probe {
  readonly target: Target & { readonly target: string };
  /** D of the key document and its unit, if there is one. */
  readonly digest: string | undefined;
  readonly unit: string | undefined;
}

interface Bare {
  readonly checks: Check[];
  readonly session: Challenge | undefined;
  /** Units. */
  readonly price: number | undefined;
  readonly declared: readonly string[];
}

export interface Unpaid {
  readonly checks: Check[];
  readonly price: number | undefined;
}

export async function checkUnpaid(probe: RouteProbe): Promise<Unpaid> {
  const { checks, session, price, declared } = await checkBare(probe);
  if (!session) return { checks, price };
  checks.push(
    await checkGarbage(probe),
    await checkStranger(probe, session),
    await checkAccept(probe),
    ...(await checkPages(probe, declared)),
  );
  return { checks, price };
}

/** The request of the route, without its payment. @param more headers */
export function send(
  { target: { method, target, body }, ...probe }: RouteProbe,
  more: Readonly<Record<string, string>> = {},
): Promise<Answer | undefined> {
  const headers = { ...(body !== undefined && { 'Content-Type': 'application/json' }), ...more };
  return ask(probe, target, { method, headers, ...(body !== undefined && { body: utf8(body) as BodyInit }) });
}

async function checkBare(probe: RouteProbe): Promise<Bare> {
  const { name, offers } = probe.target;
  const label = `${name} 402`;
  const stop = (what: string, next: string): Bare => {
    return { checks: [fail(label, what, next)], session: undefined, price: undefined, declared: [] };
  };
  const answer = await send(probe);
  if (answer?.status !== 402) {
    const what = `without a payment it is answered ${answer?.status ?? 'not at all'}, and not 402`;
    return stop(what, 'Put the gate before everything else that answers this route.');
  }
  const ours = challengesOf(answer)?.filter(({ method }) => method === 'impuls') ?? [];
  const [session, charge] = ['session', 'charge'].map((intent) => ours.find((one) => one.intent === intent));
  if (!session || !charge) {
    return stop(
      'its WWW-Authenticate has no challenges of method impuls, intents session and charge',
      'Pass WWW-Authenticate on as it is: a proxy may drop it, or all but one of them.',
    );
  }
  const wrong = wrongOf(session, probe) ?? wrongOf(charge, probe);
  if (wrong !== undefined)
    return stop(wrong, 'Let the gate make the challenges, on the origin of the key document.');
  const { amount, methodDetails } = decodeRequest(session.request);
  const price = Number(amount);
  const checks = [ok(label, `it costs ${amount} ${probe.unit ?? 'units'}`)];
  const offered = offers?.find(({ method, intent }) => method === 'impuls' && intent === 'session');
  if (offered && offered.amount !== null && offered.amount !== amount) {
    const what = `the description says ${offered.amount}, and the 402 asks for ${amount}`;
    checks.push(fail(`${name} price`, what, 'Say what it costs, or null where that depends on the request.'));
  }
  if (offered?.challenge) {
    const bad = wrongOf(offered.challenge, probe);
    if (bad !== undefined || decodeRequest(offered.challenge.request).amount !== offered.amount) {
      const what = `the challenge of the description does not hold: ${bad ?? 'it names another price'}`;
      checks.push(fail(`${name} price`, what, 'Put there what a 402 would ask for, or leave it out.'));
    }
  }
  checks.push(checkRefusal(label, answer), await checkSecond(probe, session, charge));
  return { checks, session, price, declared: methodDetails.headers ?? [] };
}

/** What is wrong with a challenge, in words. */
function wrongOf(challenge: Challenge, probe: RouteProbe): string | undefined {
  const host = new URL(probe.origin).hostname;
  if (challenge.realm !== host) return `the realm of a challenge is ${challenge.realm}, and not ${host}`;
  let request: ImpulsRequest;
  let expires: number;
  try {
    request = decodeRequest(challenge.request);
    expires = parseExpires(challenge.expires ?? '');
  } catch (error) {
    if (!isImpulsError(error)) throw error;
    return `a challenge does not hold: ${error.message}`;
  }
  if (expires <= probe.now()) return 'a challenge has expired before it was sent';
  if (probe.unit !== undefined && request.currency !== probe.unit) {
    return `a challenge asks for ${request.currency}, and the cards have ${probe.unit}`;
  }
  if (probe.digest !== undefined && request.methodDetails.document !== probe.digest) {
    return 'a challenge names another key document than the one that is shown';
  }
  return undefined;
}

function checkRefusal(label: string, answer: Answer): Check {
  const { headers } = answer;
  const next = 'Pass the answers of the gate on as they are; add nothing to a 402.';
  if (!(headers.get('Cache-Control') ?? '').includes('no-store')) {
    return fail(`${label} caching`, 'it has no Cache-Control: no-store: a cache may keep it', next);
  }
  if (headers.has('Payment-Receipt') || headers.has('Impuls-State')) {
    return fail(`${label} caching`, 'it has a receipt or a state, and nothing was paid', next);
  }
  if (problemOf(answer) !== 'payment-required') {
    return warn(`${label} caching`, 'its body is not the problem document payment-required', next);
  }
  if (headers.has('Set-Cookie'))
    return warn(`${label} caching`, 'it sets a cookie, which names who asked', next);
  return ok(`${label} caching`, 'nobody keeps it');
}

/** A session challenge is shown by the card that asked: one that differs from asker to asker is a name. */
async function checkSecond(probe: RouteProbe, session: Challenge, charge: Challenge): Promise<Check> {
  const label = `${probe.target.name} challenges`;
  const next =
    'Make a session challenge of nothing of the client, its end at a full minute, and a charge anew each time.';
  const again = await send(probe);
  const ours = (again && challengesOf(again))?.filter(({ method }) => method === 'impuls') ?? [];
  const second = ours.find(({ intent }) => intent === 'session');
  if (!second) return fail(label, 'the second time there is no session challenge', next);
  const isMinute = /:00(?:\.0+)?(?:Z|[+-]\d\d:\d\d)$/i.test(session.expires ?? '');
  if (!isMinute || (second.expires === session.expires && second.id !== session.id)) {
    return fail(label, 'the session challenge is another one for each who asks: it can name a wallet', next);
  }
  if (ours.some(({ id }) => id === charge.id)) return fail(label, 'a charge challenge was given twice', next);
  return ok(label, 'the same for everybody for sessions, a new one for each charge');
}

async function checkGarbage(probe: RouteProbe): Promise<Check> {
  const label = `${probe.target.name} malformed credentials`;
  const json = (value: unknown): string => `Payment ${toBase64url(utf8(JSON.stringify(value)))}`;
  const garbage: ReadonlyArray<readonly [what: string, header: string]> = [
    ['no base64url', 'Payment !!!'],
    ['no JSON', 'Payment dGhpcyBpcyBnYXJiYWdl'],
    ['nothing in it', json({})],
    ['a list', json([[[[]]]])],
    ['members of the wrong kind', json({ challenge: { method: 'impuls', id: 7 }, payload: 'x' })],
    ['another scheme', 'Bearer bm90aGluZw'],
    ['too long', `Payment ${'A'.repeat(limits.credentialBytes + 8)}`],
  ];
  for (const [what, authorization] of garbage) {
    const answer = await send(probe, { Authorization: authorization });
    const wrong = notAsking(answer);
    if (wrong === undefined) continue;
    const next =
      answer && answer.status < 400
        ? 'This route can be had without paying: put the gate before it.'
        : 'Answer what cannot be read 402, with fresh challenges; see that no proxy stops it.';
    return fail(label, `a credential with ${what} is answered ${wrong}`, next);
  }
  return ok(label, 'each is answered 402 with fresh challenges');
}

/** A claim as it has to look, of a card that nobody has: twice, since what is refused once is refused again. */
async function checkStranger(probe: RouteProbe, challenge: Challenge): Promise<Check> {
  const label = `${probe.target.name} without a card`;
  const bytes = (length: number): Uint8Array => new Uint8Array(randomBytes(length));
  const made = {
    action: 'pay',
    card: bytes(16),
    protocol: 'chain',
    end: 1_000_000,
    units: Number(decodeRequest(challenge.request).amount),
    nonce: bytes(16),
    proof: bytes(32),
    tag: bytes(16),
  } as const;
  const foreign = { ...challenge, id: toBase64url(bytes(32)) };
  for (const [what, told] of [
    ['a card that nobody has', challenge],
    ['the same once more', challenge],
    ['a challenge that is not the vendor\u2019s', foreign],
  ] as const) {
    const answer = await send(probe, { Authorization: formatCredential(told, made) });
    const wrong = notAsking(answer);
    if (wrong !== undefined) {
      const next =
        'Let the gate decide, and its ledger know the cards: nothing else can tell a claim that is good.';
      return fail(label, `a claim with ${what} is answered ${wrong}`, next);
    }
    if (answer?.headers.has('Impuls-State')) {
      return fail(
        label,
        'a claim of a card that nobody has is told a state',
        'Tell strangers nothing of cards.',
      );
    }
  }
  return ok(label, 'a claim that no card made is answered 402');
}

/** What is wrong with an answer that has to be a fresh 402, in words. */
function notAsking(answer: Answer | undefined): string | undefined {
  if (!answer) return 'not at all';
  if (answer.status !== 402) return `${answer.status}, and not 402`;
  if (answer.headers.has('Payment-Receipt')) return 'with a receipt';
  const asks = challengesOf(answer)?.some(({ method }) => method === 'impuls');
  return asks ? undefined : 'without a fresh challenge';
}

async function checkAccept(probe: RouteProbe): Promise<Check> {
  const label = `${probe.target.name} Accept-Payment`;
  const intents = async (accept: string): Promise<string | undefined> => {
    const answer = await send(probe, { 'Accept-Payment': accept });
    if (answer?.status !== 402) return undefined;
    return challengesOf(answer)
      ?.filter(({ method }) => method === 'impuls')
      .map(({ intent }) => intent)
      .join(' ');
  };
  const next = 'Let the gate see the header: a client that says what it can pay with is offered that.';
  if ((await intents('none/charge')) === undefined || (await intents(';;;')) === undefined) {
    return fail(label, 'with a value that accepts nothing it is not answered 402', next);
  }
  const only = await intents('impuls/charge');
  const weighed = await intents('impuls/session;q=0.1, impuls/charge');
  if (only !== 'charge' || weighed !== 'charge session') {
    return warn(label, 'it is not heeded', next);
  }
  return ok(label, 'a client is offered what it accepts');
}

/** The Fetch standard's CORS protocol. */
async function checkPages(probe: RouteProbe, declared: readonly string[]): Promise<Check[]> {
  const label = `${probe.target.name} CORS`;
  const origin = 'https://reader.example';
  const answer = await send(probe, { Origin: origin });
  const allowed = answer?.headers.get('Access-Control-Allow-Origin');
  if (!answer || allowed === null || allowed === undefined) {
    const next = 'Send Access-Control-Allow-Origin: *, if pages of other origins shall pay.';
    return [warn(label, 'pages of other origins cannot pay', next)];
  }
  const next = 'Leave CORS to the vendor, or say all that it would: see docs/spec.md §8.';
  if (allowed !== '*') return [fail(label, `it is for ${allowed}, and not for every origin`, next)];
  const exposed = listOf(answer, 'Access-Control-Expose-Headers');
  const hidden = ['WWW-Authenticate', 'Payment-Receipt', 'Impuls-State', 'Retry-After'].filter(
    (name) => !exposed.includes(name.toLowerCase()) && !exposed.includes('*'),
  );
  if (hidden.length > 0) return [fail(label, `pages cannot read ${hidden.join(', ')}`, next)];
  const wanted = ['authorization', 'content-type', 'accept-payment', 'idempotency-key', ...declared];
  const preflight = await ask(probe, probe.target.target, {
    method: 'OPTIONS',
    headers: {
      Origin: origin,
      'Access-Control-Request-Method': probe.target.method,
      'Access-Control-Request-Headers': wanted.join(),
    },
  });
  if (!preflight || preflight.status < 200 || preflight.status > 299) {
    return [fail(label, `a preflight is answered ${preflight?.status ?? 'not at all'}`, next)];
  }
  const may = listOf(preflight, 'Access-Control-Allow-Headers');
  const missing = wanted.filter((name) => !may.includes(name));
  if (missing.length > 0) return [fail(label, `pages cannot send ${missing.join(', ')}`, next)];
  const methods = listOf(preflight, 'Access-Control-Allow-Methods');
  if (!methods.includes(probe.target.method.toLowerCase())) {
    return [fail(label, `pages cannot send a ${probe.target.method}`, next)];
  }
  return [ok(label, 'pages of every origin can pay')];
}
