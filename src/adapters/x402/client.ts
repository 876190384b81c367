import type { Network, SchemeNetworkClient } from '@x402/core/types';
import { isImpulsError } from '../../core/errors.js';
import { decodeText, encodeText } from '../../core/wire/base64url-text.js';
import { challengeFromJson } from '../../core/wire/challenge.js';
import {
  canonicalJson,
  formatChallenge,
  parseChallenges,
  parseJson,
  type JsonObject,
  type JsonValue,
} from '../../core/wire/index.js';
import { createBridge, type BridgeOptions } from '../bridge.js';
import { objectOf, readCredentialJson, textOf } from '../credential-json.js';
import {
  decodeHeader,
  dynamicExtra,
  encodeHeader,
  isCards,
  networkName,
  requiredHeader,
  responseHeader,
  schemeName,
  signatureHeader,
} from './wire.js';

/**
 * A fetch for a wallet, so that it pays servers of x402 that take cards: `openWallet({ fetch: speakX402() })`. Where a server speaks the
 * `Payment` scheme itself nothing is changed.
 *
 * @param network the way to it. Default: the global fetch, as it is now
 */
export function speakX402(network: typeof fetch = globalThis.fetch.bind(globalThis)): typeof fetch {
  return translated(network, 'where-needed');
}

export type CardPayerOptions = BridgeOptions;

/**
 * Pays with the cards of a wallet where the client of x402 asks for them:
 *
 *   const client = new x402Client().register(payer.network, payer.scheme);
 *   const fetch = wrapFetchWithPayment(payer.fetch, client);
 *
 * A lost answer is asked for again with the same claim, before x402 hears of it.
 */
export interface CardPayer {
  readonly network: Network;
  readonly scheme: SchemeNetworkClient;
  readonly fetch: typeof fetch;
}

export function createCardPayer(options: CardPayerOptions): CardPayer {
  const { fetch: network = globalThis.fetch.bind(globalThis) } = options;
  const bridge = createBridge({ ...options, fetch: translated(network, 'always') }, credentialIn);
  return {
    network: networkName,
    fetch: bridge.fetch,
    scheme: {
      scheme: schemeName,
      async createPaymentPayload(x402Version, requirements) {
        const challenge = objectOf((requirements.extra as JsonObject)['challenge']);
        const authorization = await bridge.claim(textOf(challenge?.['id']) ?? '');
        return { x402Version, payload: unmarked(readCredentialJson(authorization)!).credential };
      },
    },
  };
}

function credentialIn(headers: Headers): JsonObject | undefined {
  return objectOf(decodeHeader(headers.get(signatureHeader))?.['payload']);
}

/** @param when `always`: also where the server asks for cards in both ways */
function translated(network: typeof fetch, when: 'where-needed' | 'always'): typeof fetch {
  return async (input, init) => {
    const headers = new Headers(init?.headers ?? (input instanceof Request ? input.headers : undefined));
    const credential = readCredentialJson(headers.get('Authorization'));
    const { credential: bare, accepted } = credential ? unmarked(credential) : {};
    if (!bare || !accepted) return answered(await network(input, init), when);
    headers.delete('Authorization');
    const send = (agreed: JsonObject): Promise<Response> => {
      headers.set(signatureHeader, encodeHeader({ x402Version: 2, accepted: agreed, payload: bare }));
      return network(input, { ...init, headers });
    };
    const response = await send(accepted);
    const changed = input instanceof Request ? undefined : changedTerms(response, accepted);
    if (!changed) return answered(response, when);
    await response.body?.cancel();
    return answered(await send(changed), when);
  };
}

/**
 * Where a price has changed x402 refuses what was agreed without a look at the claim. The same claim under the new terms is judged, and
 * refused with proof if it does not cover them.
 */
function changedTerms(response: Response, accepted: JsonObject): JsonObject | undefined {
  if (response.status !== 402 || response.headers.has(responseHeader)) return undefined;
  const [asked] = cardsIn(decodeHeader(response.headers.get(requiredHeader)));
  if (!asked) return undefined;
  const terms = withoutChallenges(asked);
  return canonicalJson(terms) === canonicalJson(accepted) ? undefined : terms;
}

/**
 * What was accepted goes along with the challenge, in a slot of it that the vendor has left free: so a claim can be sent again by whoever
 * has it, after a crash too.
 */
function marked(challenge: JsonObject, requirements: JsonObject): string {
  const opaque = encodeText(JSON.stringify({ x402: withoutChallenges(requirements) }));
  return formatChallenge({ ...challengeFromJson(challenge), opaque });
}

function withoutChallenges(requirements: JsonObject): JsonObject {
  const extra = Object.entries(objectOf(requirements['extra']) ?? {});
  const rest = extra.filter(([name]) => !dynamicExtra.includes(name));
  return { ...requirements, extra: Object.fromEntries(rest) };
}

function unmarked(credential: JsonObject): {
  readonly credential: JsonObject;
  readonly accepted?: JsonObject | undefined;
} {
  const challenge = objectOf(credential['challenge']);
  const opaque = textOf(challenge?.['opaque']);
  if (!challenge || opaque === undefined) return { credential };
  try {
    const accepted = objectOf(objectOf(parseJson(decodeText(opaque)))?.['x402']);
    if (!accepted) return { credential };
    const rest = Object.entries(challenge).filter(([name]) => name !== 'opaque');
    return { accepted, credential: { ...credential, challenge: Object.fromEntries(rest) } };
  } catch (error) {
    if (isImpulsError(error)) return { credential };
    throw error;
  }
}

/** The answer as the `Payment` scheme would have it. */
function answered(response: Response, when: 'where-needed' | 'always'): Response {
  const required = response.status === 402 ? decodeHeader(response.headers.get(requiredHeader)) : undefined;
  const outcome = decodeHeader(response.headers.get(responseHeader));
  if (!required && !outcome) return response;
  const headers = new Headers(response.headers);
  let { status } = response;
  let body: BodyInit | null = response.body;
  if (required && (when === 'always' || !asksItself(headers))) {
    const asked = challengesIn(required);
    if (asked.length > 0) {
      if (when === 'always') headers.delete('WWW-Authenticate');
      for (const challenge of asked) headers.append('WWW-Authenticate', challenge);
    }
  }
  if (outcome && textOf(outcome['network']) === networkName) {
    const extra = objectOf(outcome['extra']) ?? {};
    const receipt = textOf(extra['receipt']);
    const state = textOf(extra['state']);
    if (receipt !== undefined && response.ok) headers.set('Payment-Receipt', receipt);
    if (state !== undefined) headers.set('Impuls-State', state);
    const problem = objectOf(extra['problem']);
    const meant = Number(problem?.['status']);
    if (problem && status === 402 && meant >= 400 && meant < 600) {
      status = meant;
      body = JSON.stringify(problem);
      headers.set('Content-Type', 'application/problem+json');
      headers.delete('Content-Length');
    }
  }
  const { url, redirected } = response;
  const copy = new Response(body, { status, statusText: response.statusText, headers });
  return Object.defineProperties(copy, { url: { value: url }, redirected: { value: redirected } });
}

function asksItself(headers: Headers): boolean {
  try {
    return parseChallenges(headers.get('WWW-Authenticate') ?? '').some(({ method }) => method === 'impuls');
  } catch (error) {
    if (isImpulsError(error)) return false;
    throw error;
  }
}

function cardsIn(required: JsonObject | undefined): JsonObject[] {
  const accepts = required?.['accepts'];
  return (Array.isArray(accepts) ? accepts : []).flatMap((one: JsonValue) => {
    const requirements = objectOf(one);
    return requirements && isCards(requirements) ? [requirements] : [];
  });
}

function challengesIn(required: JsonObject): string[] {
  try {
    return cardsIn(required).flatMap((requirements) => {
      const extra = objectOf(requirements['extra']) ?? {};
      const challenges = [objectOf(extra['session']), objectOf(extra['challenge'])];
      return challenges.flatMap((one) => (one ? [marked(one, requirements)] : []));
    });
  } catch (error) {
    if (isImpulsError(error)) return [];
    throw error;
  }
}
