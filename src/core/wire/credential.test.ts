import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ImpulsError } from '../errors.js';
import { decodeText, encodeText } from './base64url-text.js';
import type { Challenge } from './challenge.js';
import { formatCredential, parseCredential, type PaymentPayload } from './credential.js';
import { createCredentialParser } from './credential-parser.js';

const challenge: Challenge = {
  id: 'q0WpR1zN8cVx2bKm4LtY7uGhJ3sDfA6eHwOiU5nPlZk',
  realm: 'news.example',
  method: 'impuls',
  intent: 'session',
  request: 'eyJhbW91bnQiOiIzIn0',
  expires: '2026-11-22T15:00:00Z',
};
const payload: PaymentPayload = {
  action: 'pay',
  card: new Uint8Array(16).fill(1),
  protocol: 'chain',
  end: 12,
  units: 3,
  nonce: new Uint8Array(16).fill(2),
  proof: new Uint8Array(32).fill(3),
  tag: new Uint8Array(16).fill(4),
};

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const uint32 = fc.integer({ min: 1, max: 0xffff_ffff });
const payloads: fc.Arbitrary<PaymentPayload> = fc
  .constantFrom('chain' as const, 'stream' as const)
  .chain((protocol) =>
    fc.record(
      {
        action: fc.constant('pay' as const),
        card: bytes(16),
        protocol: fc.constant(protocol),
        end: uint32,
        units: uint32,
        nonce: bytes(16),
        proof: bytes(protocol === 'chain' ? 32 : 16),
        tag: bytes(16),
        digest: bytes(32),
        seal: fc.constant('aes128gcm' as const),
      },
      { requiredKeys: ['action', 'card', 'protocol', 'end', 'units', 'nonce', 'proof', 'tag'] },
    ),
  )
  .map((payload) =>
    payload.protocol === 'chain' ? { ...payload, units: Math.min(payload.units, payload.end) } : payload,
  );
const text = fc.oneof(fc.string({ unit: 'binary' }), fc.stringMatching(/^[\w.-]{0,50}$/));
const challenges: fc.Arbitrary<Challenge> = fc.record(
  {
    id: text,
    realm: text,
    method: fc.constant('impuls'),
    intent: text,
    request: text,
    expires: text,
    digest: text,
    opaque: text,
    description: text,
  },
  { requiredKeys: ['id', 'realm', 'method', 'intent', 'request'] },
);

/** The JSON of a credential, to be altered. */
interface Json {
  challenge: Record<string, unknown>;
  payload: Record<string, unknown>;
  [name: string]: unknown;
}
const jsonOf = (value: string): Json => JSON.parse(decodeText(value.slice('Payment '.length))) as Json;
const tokenOf = (json: unknown): string => `Payment ${encodeText(JSON.stringify(json))}`;

/** What a parser does, so that two can be compared. */
function outcome(parse: () => unknown): unknown {
  try {
    return parse();
  } catch (error) {
    if (error instanceof ImpulsError) return error.code;
    throw error;
  }
}

describe('formatCredential and parseCredential', () => {
  it('are inverse', () => {
    fc.assert(
      fc.property(challenges, payloads, (someChallenge, somePayload) => {
        const header = formatCredential(someChallenge, somePayload);
        expect(header).toMatch(/^Payment [\w-]+$/);
        expect(parseCredential(header)).toEqual({ challenge: someChallenge, payload: somePayload });
      }),
    );
  });

  it('echo the challenge as received and write decimals as strings', () => {
    expect(jsonOf(formatCredential(challenge, { ...payload, seal: 'aes128gcm' }))).toStrictEqual({
      challenge,
      payload: {
        action: 'pay',
        card: 'AQEBAQEBAQEBAQEBAQEBAQ',
        protocol: 'chain',
        end: '12',
        units: '3',
        nonce: 'AgICAgICAgICAgICAgICAg',
        proof: 'AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM',
        tag: 'BAQEBAQEBAQEBAQEBAQEBA',
        seal: 'aes128gcm',
      },
    });
  });

  it('write bytes that lie in the middle of others', () => {
    const view = (value: Uint8Array) => {
      const around = new Uint8Array(value.length + 9).fill(0xff);
      around.set(value, 5);
      return around.subarray(5, 5 + value.length);
    };
    const { card, nonce, proof, tag } = payload;
    const views = { ...payload, card: view(card), nonce: view(nonce), proof: view(proof), tag: view(tag) };
    expect(formatCredential(challenge, views)).toBe(formatCredential(challenge, payload));
  });

  it('refuse to write more than 8 KiB', () => {
    const large = { ...challenge, request: 'A'.repeat(8192) };
    expect(outcome(() => formatCredential(large, payload))).toBe('too-large');
  });
});

describe('parseCredential', () => {
  const header = formatCredential(challenge, payload);

  it.each(['', 'Basic dXNlcjpwYXNz', 'Bearer abc', 'Payments x', 'PaymentX', 'Basic a, Payment b', '\u2014'])(
    'says that %j is not for us',
    (value) => {
      expect(parseCredential(value)).toBeNull();
    },
  );

  it('says that another method is not for us, whatever its payload', () => {
    const json = jsonOf(header);
    const foreign = { challenge: { ...json.challenge, method: 'tempo' }, payload: { hash: '0x1' } };
    expect(parseCredential(tokenOf(foreign))).toBeNull();
    expect(parseCredential(tokenOf({ challenge: { method: 'tempo' } }))).toBeNull();
  });

  it.each(['payment ', 'PAYMENT ', 'Payment   '])('takes the scheme as %j', (scheme) => {
    expect(parseCredential(scheme + header.slice('Payment '.length))).toEqual({ challenge, payload });
  });

  it('ignores what it does not know in the challenge, and beside it', () => {
    const json = jsonOf(header);
    const extended = { source: 'did:x', ...json, challenge: { new: { a: [1] }, ...json.challenge } };
    expect(parseCredential(tokenOf(extended))).toEqual({ challenge, payload });
  });

  const altered = (alter: (json: Json) => unknown) => {
    const json = jsonOf(header);
    return tokenOf(alter(json) ?? json);
  };
  const set = (member: 'challenge' | 'payload', name: string, value: unknown) =>
    altered((json) => void (json[member][name] = value));

  it.each([
    ['nothing', 'Payment'],
    ['an empty token', 'Payment '],
    ['no base64url', 'Payment {}'],
    ['padding', `${header}=`],
    ['white space at the end', `${header} `],
    ['two credentials', `${header}, ${header}`],
    ['no JSON', `Payment ${encodeText('{"challenge":')}`],
    ['an array', tokenOf([])],
    ['no challenge', altered(({ payload: only }) => ({ payload: only }))],
    ['no payload', altered(({ challenge: only }) => ({ challenge: only }))],
    ['a payload that is an array', altered((json) => ({ ...json, payload: [] }))],
    ['a challenge without a method', set('challenge', 'method', undefined)],
    ['a challenge without an id', set('challenge', 'id', undefined)],
    ['a request that is an object', set('challenge', 'request', { amount: '3' })],
    ['an opaque that is an object', set('challenge', 'opaque', {})],
    ['expires that is null', set('challenge', 'expires', null)],
    ['an unknown member of the payload', set('payload', 'more', 1)],
    [
      'a member __proto__ of the payload',
      altered((json) => ({ ...json, payload: JSON.parse('{"__proto__":{}}') as unknown })),
    ],
    ['another action', set('payload', 'action', 'open')],
    ['no action', set('payload', 'action', undefined)],
    ['another protocol', set('payload', 'protocol', 'toString')],
    ['another seal', set('payload', 'seal', 'aes256gcm')],
    ['a seal that is null', set('payload', 'seal', null)],
    ['end as a number', set('payload', 'end', 12)],
    ['end 0', set('payload', 'end', '0')],
    ['end 2^32', set('payload', 'end', '4294967296')],
    ['end of eleven digits', set('payload', 'end', '10000000000')],
    ['end with a leading zero', set('payload', 'end', '012')],
    ['end with a sign', set('payload', 'end', '+12')],
    ['units as an exponent', set('payload', 'units', '1e1')],
    ['no units', set('payload', 'units', undefined)],
    ['a short card', set('payload', 'card', 'AQEBAQEBAQEBAQEBAQEB')],
    ['a card that is not canonical', set('payload', 'card', 'AQEBAQEBAQEBAQEBAQEBAR')],
    ['a nonce with padding', set('payload', 'nonce', 'AgICAgICAgICAgICAgICAg==')],
    ['a proof for the other protocol', set('payload', 'protocol', 'stream')],
    ['no tag', set('payload', 'tag', undefined)],
    ['a digest of 16 bytes', set('payload', 'digest', 'AQEBAQEBAQEBAQEBAQEBAQ')],
    [
      'a member named twice',
      `Payment ${encodeText(decodeText(header.slice(8)).replace('"end"', '"units":"3","end"'))}`,
    ],
  ])('refuses %s', (_, value) => {
    expect(outcome(() => parseCredential(value))).toBe('malformed');
  });

  it('refuses more than 8 KiB, and only from our scheme', () => {
    expect(outcome(() => parseCredential(`Payment ${'A'.repeat(8192)}`))).toBe('malformed');
    expect(parseCredential(`Basic ${'A'.repeat(8192)}`)).toBeNull();
  });

  it('takes no beginning of a credential for a whole one', () => {
    for (let length = 'Payment'.length; length < header.length; length++) {
      expect(outcome(() => parseCredential(header.slice(0, length)))).toBe('malformed');
    }
  });
});

describe('a credential parser', () => {
  const headers: fc.Arbitrary<string> = fc.oneof(
    payloads.map((some) => formatCredential(challenge, some)),
    payloads.map((some) => {
      const json = jsonOf(formatCredential(challenge, some));
      return tokenOf({ payload: json.payload, challenge: json.challenge });
    }),
    payloads.map((some) => {
      const json = jsonOf(formatCredential(challenge, some));
      return tokenOf({ ...json, payload: Object.fromEntries(Object.entries(json.payload).reverse()) });
    }),
    payloads.map((some) => formatCredential({ ...challenge, expires: '2026-11-22T15:01:00Z' }, some)),
    fc
      .tuple(payloads, fc.nat(), fc.string({ unit: 'binary', maxLength: 3 }), fc.nat(9))
      .map(([some, at, noise, cut]) => {
        const json = decodeText(formatCredential(challenge, some).slice(8));
        const from = at % json.length;
        return `Payment ${encodeText(json.slice(0, from) + noise + json.slice(from + cut))}`;
      }),
    fc.tuple(payloads, fc.nat(), fc.string({ maxLength: 2 }), fc.nat(3)).map(([some, at, noise, cut]) => {
      const value = formatCredential(challenge, some);
      const from = at % value.length;
      return value.slice(0, from) + noise + value.slice(from + cut);
    }),
    fc.tuple(payloads, fc.jsonValue(), text).map(([some, value, name]) => {
      const json = decodeText(formatCredential(challenge, some).slice(8));
      return `Payment ${encodeText(`${json.slice(0, -1)},${JSON.stringify(name)}:${JSON.stringify(value)}}`)}`;
    }),
  );

  it('agrees with parseCredential on every input, whatever it remembers', () => {
    const parser = createCredentialParser();
    const knowing = createCredentialParser();
    knowing.remember(challenge);
    fc.assert(
      fc.property(headers, (header) => {
        const plain = outcome(() => parseCredential(header));
        expect(outcome(() => parser.parse(header))).toEqual(plain);
        expect(outcome(() => knowing.parse(header))).toEqual(plain);
      }),
      { numRuns: 3000 },
    );
  });

  it('agrees with parseCredential for every challenge that it remembers', () => {
    fc.assert(
      fc.property(challenges, payloads, payloads, (some, first, second) => {
        const parser = createCredentialParser();
        parser.remember(some);
        for (const header of [formatCredential(some, first), formatCredential(some, second)]) {
          expect(parser.parse(header)).toEqual(parseCredential(header));
        }
      }),
    );
  });

  it.each([
    ['', 'malformed'],
    ['}', 'malformed'],
    ['"payload":{}}', 'malformed'],
    ['"challenge":{"method":"tempo"}}', 'malformed'],
    ['"payload":0,"challenge":null}', 'malformed'],
    ['"__proto__":{"payload":{}}}', 'malformed'],
    [',"payload":{}}', 'malformed'],
  ])('refuses a remembered challenge followed by %j', (rest, code) => {
    const parser = createCredentialParser();
    parser.remember(challenge);
    const json = decodeText(formatCredential(challenge, payload).slice(8));
    const value = `Payment ${encodeText(json.slice(0, json.indexOf('"payload"')) + rest)}`;
    expect(outcome(() => parser.parse(value))).toBe(code);
    expect(outcome(() => parseCredential(value))).toBe(code);
  });

  it('returns the very challenge that it remembers, and another object for one that it does not', () => {
    const parser = createCredentialParser();
    const header = formatCredential(challenge, payload);
    const first = parser.parse(header)!.challenge;
    expect(parser.parse(header)!.challenge).not.toBe(first);
    parser.remember(first);
    parser.remember(parser.parse(header)!.challenge);
    expect(parser.parse(header)!.challenge).toBe(first);
    expect(parser.parse(formatCredential(challenge, { ...payload, end: 13 }))!.challenge).toBe(first);
    const other = { ...challenge, realm: 'other.example' };
    expect(parser.parse(formatCredential(other, payload))!.challenge).toEqual(other);
  });

  it('forgets the oldest of 257 challenges', () => {
    const parser = createCredentialParser();
    const list = Array.from({ length: 257 }, (_, i) => ({ ...challenge, id: String(i).padEnd(43, 'A') }));
    for (const some of list) parser.remember(some);
    const kept = list.map((some) => parser.parse(formatCredential(some, payload))!.challenge === some);
    expect(kept).toEqual([false, ...Array<boolean>(256).fill(true)]);
  });

  it('does not take part in what it cannot know by sight', () => {
    const parser = createCredentialParser();
    for (const some of [
      { ...challenge, method: 'tempo' },
      { ...challenge, description: 'é' },
      { ...challenge, description: '"' },
      { ...challenge, description: '\ud800' },
    ]) {
      parser.remember(some);
      const header = formatCredential(some, payload);
      expect(outcome(() => parser.parse(header))).toEqual(outcome(() => parseCredential(header)));
    }
  });
});
