import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { codeOf } from '../../../test/support/code-of.js';
import { utf8 } from '../bytes.js';
import { HmacKey, hmac } from '../hash.js';
import { toBase64url } from '../base64url.js';
import {
  challengeId,
  formatChallenge,
  parseChallenges,
  verifyChallengeId,
  type Challenge,
} from './challenge.js';

const secret = new HmacKey(utf8('a secret of the vendor'));

const usual = {
  id: 'x7Tg2pLqR9mKvNwY3hBcZa',
  realm: 'news.example',
  method: 'impuls',
  intent: 'session',
  request: 'eyJhbW91bnQiOiIzIn0',
  expires: '2026-11-22T15:00:00Z',
};
const full: Challenge = {
  ...usual,
  digest: 'sha-256=:YWJj:',
  opaque: 'eyJvIjoiMSJ9',
  description: 'An article, "quoted" \\ so',
};

describe('formatChallenge and parseChallenges', () => {
  it('write a header value as the draft shows it', () => {
    expect(formatChallenge(usual)).toBe(
      'Payment id="x7Tg2pLqR9mKvNwY3hBcZa", realm="news.example", method="impuls", intent="session", ' +
        'request="eyJhbW91bnQiOiIzIn0", expires="2026-11-22T15:00:00Z"',
    );
  });

  it('are inverse, for several challenges too', () => {
    const text = fc.string({ unit: 'grapheme-ascii', minLength: 1 });
    const challenges = fc.record(
      {
        id: text,
        realm: text,
        method: text,
        intent: text,
        request: text,
        expires: text,
        digest: text,
        opaque: text,
        description: text,
      },
      { requiredKeys: ['id', 'realm', 'method', 'intent', 'request'] },
    );
    fc.assert(
      fc.property(fc.array(challenges, { maxLength: 4 }), (list) => {
        expect(parseChallenges(list.map(formatChallenge).join(', '))).toStrictEqual(
          list.map((challenge) => ({ ...challenge })),
        );
      }),
    );
  });

  it('find the challenges of every method and ignore unknown parameters and other schemes', () => {
    const other = { ...usual, method: 'tempo', id: 'other' };
    const header = `Basic realm="x", ${formatChallenge(other)}, color="red", Bearer, ${formatChallenge(full)}`;
    expect(parseChallenges(header)).toStrictEqual([other, full]);
  });

  it.each(['id', 'realm', 'method', 'intent', 'request'])('refuse a challenge without %s', (name) => {
    const header = formatChallenge(usual);
    expect(codeOf(() => parseChallenges(header.replace(`${name}=`, 'x=')))).toBe('malformed');
    expect(codeOf(() => parseChallenges(header.replace(new RegExp(`${name}="[^"]*"`), `${name}=""`)))).toBe(
      'malformed',
    );
  });

  it('refuse to write what no header can carry', () => {
    expect(codeOf(() => formatChallenge({ ...usual, realm: 'a\r\nb' }))).toBe('invalid-argument');
    expect(codeOf(() => formatChallenge({ ...usual, description: 'artykuł' }))).toBe('invalid-argument');
  });

  it('raise only their own error', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.nat(), (noise, at) => {
        const header = formatChallenge(full);
        codeOf(() => parseChallenges(noise));
        codeOf(() =>
          parseChallenges(header.slice(0, at % header.length) + noise + header.slice(at % header.length)),
        );
        codeOf(() => parseChallenges(header.slice(0, at % header.length)));
      }),
    );
  });
});

describe('the id of a challenge', () => {
  it('is the HMAC of seven slots, an absent one empty', () => {
    const joined = 'news.example|impuls|session|eyJhbW91bnQiOiIzIn0|2026-11-22T15:00:00Z||';
    expect(challengeId(secret, usual)).toBe(toBase64url(hmac(utf8('a secret of the vendor'), utf8(joined))));
    const unlimited = { ...usual, expires: undefined };
    expect(challengeId(secret, { ...unlimited, opaque: 'o' })).toBe(
      toBase64url(
        hmac(utf8('a secret of the vendor'), utf8('news.example|impuls|session|eyJhbW91bnQiOiIzIn0|||o')),
      ),
    );
  });

  it('holds for the challenge as it was made, and for no other', () => {
    const made = { ...full, id: challengeId(secret, full) };
    expect(verifyChallengeId(secret, made)).toBe(true);
    expect(verifyChallengeId(secret, { ...made, description: 'not covered' })).toBe(true);
    expect(verifyChallengeId(new HmacKey(utf8('another')), made)).toBe(false);
    expect(verifyChallengeId(secret, { ...made, id: made.id.slice(1) })).toBe(false);
    expect(verifyChallengeId(secret, { ...made, id: '' })).toBe(false);
    for (const name of ['realm', 'method', 'intent', 'request', 'expires', 'digest', 'opaque'] as const) {
      expect(verifyChallengeId(secret, { ...made, [name]: `${made[name]}x` })).toBe(false);
      expect(verifyChallengeId(secret, { ...made, [name]: '' })).toBe(false);
    }
  });

  it('does not hold for a challenge whose slots were moved', () => {
    const made = { ...usual, id: challengeId(secret, usual) };
    const moved = { ...made, request: `${made.request}|${made.expires}`, expires: undefined };
    expect(verifyChallengeId(secret, moved)).toBe(false);
  });

  it.each(['realm', 'method', 'intent', 'request', 'expires', 'digest', 'opaque'])(
    'refuses "|" in %s',
    (name) => {
      expect(codeOf(() => challengeId(secret, { ...full, [name]: 'a|b' }))).toBe('invalid-argument');
      expect(verifyChallengeId(secret, { ...full, [name]: 'a|b' })).toBe(false);
    },
  );
});
