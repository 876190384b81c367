import { parseChallenges, type Challenge, type JsonObject } from '../../core/wire/index.js';
import type { Header } from '../../server/call.js';
import { challengeJson } from './wire.js';

/** The challenges of a 402 of a gate. */
export function cardChallenges(headers: readonly Header[]): Challenge[] {
  return headers
    .filter(([name]) => name === 'WWW-Authenticate')
    .flatMap(([, value]) => parseChallenges(value))
    .filter(({ method }) => method === 'impuls');
}

/** What `extra` of the requirements has: a single-use challenge, and one for as many payments as its time allows. */
export function cardExtra(headers: readonly Header[]): JsonObject {
  const extra: Record<string, JsonObject> = {};
  for (const challenge of cardChallenges(headers)) {
    extra[challenge.intent === 'session' ? 'session' : 'challenge'] = challengeJson(challenge);
  }
  return extra;
}
