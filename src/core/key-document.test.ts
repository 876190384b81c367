import fc from 'fast-check';
import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { concat, fromUtf8, utf8 } from './bytes.js';
import { isImpulsError } from './errors.js';
import {
  activationKeyId,
  formatKeyDocument,
  issuingKeyId,
  parseKeyDocument,
  worthOf,
  type IssuingKey,
  type KeyDocument,
} from './key-document.js';
import { isIssuing, issuingKeys, statementKeysAt } from './key-life.js';
import { checkSuccessor } from './key-succession.js';
import { limits } from './limits.js';
import { canonicalJson, type JsonValue } from './wire/canonical-json.js';

const b64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url');
const day = 24 * 3600;
const start = 1_790_000_000;

/** Odd and of 3072 bits, which is all that a document is asked for. */
function modulus(): Uint8Array {
  const n = new Uint8Array(randomBytes(384));
  n[0]! |= 0x80;
  n[383]! |= 1;
  return n;
}

function issuingKey(changes: Partial<IssuingKey> = {}): IssuingKey {
  const n = modulus();
  return {
    id: issuingKeyId(n),
    n: b64(n),
    denomination: 1000,
    epoch: '2026-11',
    notBefore: start,
    notAfter: start + 40 * day,
    expires: start + 400 * day,
    ...changes,
  };
}

const activation = new Uint8Array(randomBytes(32));
const good: KeyDocument = {
  version: 1,
  origin: 'https://news.example',
  name: 'Example News — Übersicht',
  unit: { code: 'unit', currency: 'USD', value: '0.001' },
  activation: { id: activationKeyId(activation), key: b64(activation) },
  statement: { key: b64(randomBytes(32)) },
  cards: [issuingKey(), issuingKey({ denomination: 5000 })],
  endpoints: {
    activate: '/impuls/activate',
    issue: '/impuls/issue',
    order: '/impuls/order',
    state: '/impuls/state',
    statement: '/impuls/statement',
  },
  policy: { grace: 30 * day, retention: 40 * day },
  previous: [b64(randomBytes(32)), b64(randomBytes(32))],
};

const encode = (document: object) => utf8(canonicalJson(document as JsonValue));
const refusal = (act: () => unknown) => {
  try {
    act();
  } catch (error) {
    return isImpulsError(error) ? error : expect.fail(String(error));
  }
  return expect.fail('nothing was refused');
};

describe('a key document', () => {
  it('is formatted as canonical JSON and read back', () => {
    const bytes = formatKeyDocument(good);
    expect(fromUtf8(bytes)).toMatch(/^\{"activation":\{"id":"[\w-]{11}","key":"[\w-]{43}"\},"cards":\[/);
    const { document, digest, entries } = parseKeyDocument(bytes);
    expect(document).toEqual(good);
    expect(digest).toEqual(new Uint8Array(createHash('sha256').update(bytes).digest()));
    expect([...entries.keys()]).toEqual(good.cards.map(({ id }) => id));
    expect(parseKeyDocument(concat(Uint8Array.of(1), bytes).subarray(1)).digest).toEqual(digest);
  });

  it('holds a real RSA key', () => {
    const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 3072 });
    const n = publicKey.export({ format: 'jwk' }).n!;
    const id = issuingKeyId(new Uint8Array(Buffer.from(n, 'base64url')));
    const { cards } = parseKeyDocument(
      formatKeyDocument({ ...good, cards: [issuingKey({ n, id })] }),
    ).document;
    expect(cards[0]!.n).toBe(n);
  });

  it('names its keys by the first bytes of a hash', () => {
    const n = modulus();
    const hash = (label: string, key: Uint8Array) => createHash('sha256').update(label).update(key).digest();
    expect(issuingKeyId(n)).toBe(b64(hash('impuls/1 issuing key', n).subarray(0, 16)));
    expect(activationKeyId(activation)).toBe(b64(hash('impuls/1 activation key', activation).subarray(0, 8)));
  });

  it('ignores members that it does not know', () => {
    const more = {
      ...good,
      more: [1],
      unit: { ...good.unit, symbol: '¤' },
      cards: good.cards.map((card) => ({ ...card, note: null })),
    };
    expect(parseKeyDocument(encode(more)).document).toEqual(good);
  });

  it('of another form is refused, and says where', () => {
    const [card] = good.cards as [IssuingKey];
    const cards = (...changes: object[]) => ({
      ...good,
      cards: changes.map((change) => ({ ...card, ...change })),
    });
    const even = modulus();
    even[383]! &= 0xfe;
    const short = modulus();
    short[0]! &= 0x7f;
    const of = (n: Uint8Array) => ({ n: b64(n), id: issuingKeyId(n) });
    const without = (name: keyof KeyDocument) =>
      Object.fromEntries(Object.entries(good).filter(([key]) => key !== name));
    const endpoint = (issue: unknown) => ({ ...good, endpoints: { ...good.endpoints, issue } });
    const value = (text: unknown) => ({ ...good, unit: { ...good.unit, value: text } });
    const cases: readonly (readonly [object, string])[] = [
      [{ ...good, version: 2 }, 'version'],
      [without('version'), 'version'],
      ...(['activation', 'statement', 'cards', 'endpoints', 'policy', 'previous', 'unit'] as const).map(
        (name) => [without(name), name] as const,
      ),
      [{ ...good, name: '' }, 'name'],
      [{ ...good, name: 'a\u001b[31m' }, 'name'],
      [{ ...good, name: 'a\u202eb' }, 'name'],
      [{ ...good, origin: 'https://news.example/' }, 'origin'],
      [{ ...good, origin: 'https://NEWS.example' }, 'origin'],
      [{ ...good, origin: 'ftp://news.example' }, 'origin'],
      [{ ...good, origin: 'news.example' }, 'origin'],
      [{ ...good, origin: 'null' }, 'origin'],
      [{ ...good, activation: { ...good.activation, id: 'AAAAAAAAAAA' } }, 'activation.id'],
      [{ ...good, activation: { ...good.activation, key: 'AAAA' } }, 'base64url'],
      [{ ...good, statement: { key: 5 } }, 'statement.key'],
      [{ ...good, statement: { ...good.statement, earlier: {} } }, 'statement.earlier'],
      [
        { ...good, statement: { ...good.statement, earlier: [good.statement] } },
        'statement.earlier[0].until',
      ],
      [{ ...good, revoked: {} }, 'revoked'],
      [{ ...good, revoked: [{ id: issuingKeyId(modulus()), reason: 'lost', time: 1 }] }, 'revoked[0].id'],
      [{ ...good, revoked: [{ id: card.id, reason: 'old', time: 1 }] }, 'revoked[0].reason'],
      [{ ...good, revoked: [{ id: card.id, reason: 'lost' }] }, 'revoked[0].time'],
      [{ ...good, revoked: [{ id: card.id, reason: 'leaked', time: 1 }] }, 'revoked[0].activateUntil'],
      [
        { ...good, revoked: [{ id: card.id, reason: 'leaked', time: 2, activateUntil: 1 }] },
        'revoked[0].activateUntil',
      ],
      [{ ...good, revoked: [1, 2].map((time) => ({ id: card.id, reason: 'lost', time })) }, 'twice'],
      [{ ...good, previous: ['AAAA'] }, 'base64url'],
      [{ ...good, policy: { grace: -1, retention: 1 } }, 'policy.grace'],
      [cards({ id: issuingKeyId(modulus()) }), 'cards[0].id'],
      [cards(of(even)), 'modulus'],
      [cards(of(short)), 'modulus'],
      [cards(of(modulus().subarray(1))), 'base64url'],
      [cards({ denomination: 0 }), 'denomination'],
      [cards({ denomination: 1.5 }), 'denomination'],
      [cards({ epoch: 'a b' }), 'epoch'],
      [cards({ notAfter: start + 30 * day - 1 }), '30 days'],
      [cards({ notBefore: start + 41 * day }), '30 days'],
      [cards({ expires: start + 40 * day - 1 }), 'expire'],
      [cards({ expires: 2 ** 32 }), 'expires'],
      [cards({}, {}), 'twice'],
      [endpoint('impuls/issue'), 'endpoints.issue'],
      [endpoint('//evil.example/issue'), 'endpoints.issue'],
      [endpoint('/\\evil.example/issue'), 'endpoints.issue'],
      [endpoint('/a/../issue'), 'endpoints.issue'],
      [endpoint('/issue#here'), 'endpoints.issue'],
      [endpoint('/an issue'), 'endpoints.issue'],
      [endpoint(undefined), 'endpoints.issue'],
      ...['', '.5', '1.', '01', '-1', '1e3', '1.0000000001', '1234567890', 'NaN', ' 1', '1\n'].map(
        (text) => [value(text), 'unit.value'] as const,
      ),
      [value(1), 'unit.value'],
    ];
    for (const [document, where] of cases) {
      const bytes = utf8(canonicalJson(JSON.parse(JSON.stringify(document)) as JsonValue));
      const { code, message } = refusal(() => parseKeyDocument(bytes));
      expect([code, message]).toEqual(['bad-document', expect.stringContaining(where)]);
    }
  });

  it('is refused if it is not canonical, not JSON, not UTF-8, too long or has too many keys', () => {
    const text = fromUtf8(formatKeyDocument(good));
    for (const bytes of [
      utf8(` ${text}`),
      utf8(JSON.stringify(JSON.parse(text), null, 1)),
      utf8(text.replace('{', '{"version":1,')),
      utf8(text.slice(1)),
      utf8('[]'),
      utf8('null'),
      Uint8Array.of(0xff),
      new Uint8Array(),
    ]) {
      expect(refusal(() => parseKeyDocument(bytes)).code).toBe('bad-document');
    }
    const long = new Uint8Array(limits.documentBytes + 1);
    expect(refusal(() => parseKeyDocument(long)).code).toBe('too-large');
    const keys = (count: number) =>
      Array.from({ length: count }, (_, index) => issuingKey({ denomination: index + 1 }));
    expect(parseKeyDocument(formatKeyDocument({ ...good, cards: keys(limits.documentCards) }))).toBeDefined();
    const many = { ...good, cards: keys(limits.documentCards + 1) };
    expect(refusal(() => formatKeyDocument(many)).code).toBe('bad-document');
  });

  it('has at most two keys of a denomination live at any time', () => {
    const at = (first: number, last: number, denomination = 1000) =>
      issuingKey({ notBefore: start + first * day, notAfter: start + last * day, denomination });
    const format = (...cards: IssuingKey[]) => formatKeyDocument({ ...good, cards });
    format(at(0, 40), at(10, 50));
    format(at(0, 40), at(10, 50), at(40, 80), at(50, 90));
    format(at(0, 40), at(10, 50), at(20, 60, 5000), at(30, 70, 5000));
    expect(refusal(() => format(at(0, 40), at(10, 50), at(39, 80))).message).toContain('1000');
    expect(refusal(() => format(at(20, 60), at(10, 50), at(0, 40))).code).toBe('bad-document');
  });

  it('does not count a key as live from its revocation on', () => {
    const cards = [0, 10, 20].map((first) =>
      issuingKey({ notBefore: start + first * day, notAfter: start + (first + 40) * day }),
    );
    const id = cards[1]!.id;
    const format = (time: number) =>
      formatKeyDocument({ ...good, cards, revoked: [{ id, reason: 'lost', time }] });
    expect(parseKeyDocument(format(start + 20 * day)).document.revoked).toHaveLength(1);
    expect(refusal(() => format(start + 20 * day + 1)).message).toContain('live at a time');
  });

  it('of any bytes or any JSON raises only ImpulsError', () => {
    const only = (bytes: Uint8Array) => {
      const { code } = refusal(() => parseKeyDocument(bytes));
      expect(code).toBe('bad-document');
    };
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), only));
    fc.assert(fc.property(fc.jsonValue(), (value) => only(encode(value as object))));
    const names = [...Object.keys(good), 'revoked'] as (keyof KeyDocument)[];
    fc.assert(
      fc.property(fc.constantFrom(...names), fc.jsonValue(), (name, value) => {
        try {
          parseKeyDocument(encode({ ...good, [name]: value }));
        } catch (error) {
          expect(isImpulsError(error, 'bad-document')).toBe(true);
        }
      }),
    );
  });
});

describe('an issuing key', () => {
  it('issues from its first second until before its last', () => {
    const key = issuingKey();
    const times = [key.notBefore - 1, key.notBefore, key.notAfter - 1, key.notAfter];
    expect(times.map((time) => isIssuing(key, time))).toEqual([false, true, true, false]);
  });

  it('issues nothing from its revocation on', () => {
    const [first, second] = good.cards as [IssuingKey, IssuingKey];
    const revoked = [{ id: first.id, reason: 'lost', time: start + day } as const];
    const ids = (at: number) => issuingKeys({ ...good, revoked }, at).map(({ id }) => id);
    expect(ids(start + day - 1)).toEqual([first.id, second.id]);
    expect(ids(start + day)).toEqual([second.id]);
  });
});

describe('a statement', () => {
  it('holds under the key of its time', () => {
    const [a, b, c] = [1, 2, 3].map((byte) => b64(new Uint8Array(32).fill(byte))) as [string, string, string];
    const earlier = [
      { key: a, until: 100 },
      { key: b, until: 200 },
    ];
    const at = (time: number) =>
      statementKeysAt({ statement: { key: c, earlier } }, time).map((key) => key[0]);
    expect([at(99), at(100), at(199), at(200)]).toEqual([[1, 2, 3], [2, 3], [2, 3], [3]]);
    expect(statementKeysAt(good, 1).map(b64)).toEqual([good.statement.key]);
  });
});

describe('a successor', () => {
  const pinned = parseKeyDocument(formatKeyDocument(good));
  const held = good.cards.map(({ id }) => id);
  const successor = (changes: object) =>
    parseKeyDocument(encode({ ...good, previous: [...good.previous, b64(pinned.digest)], ...changes }));

  it('that names the pinned document and keeps the keys in use is taken', () => {
    checkSuccessor(pinned, pinned, held);
    checkSuccessor(pinned, successor({}), held);
    checkSuccessor(pinned, successor({ cards: [good.cards[0]!, issuingKey({ denomination: 7 })] }), [
      held[0]!,
    ]);
    checkSuccessor(pinned, successor({ cards: [] }), []);
    const later = successor({ previous: [...good.previous, b64(pinned.digest), b64(randomBytes(32))] });
    checkSuccessor(pinned, later, held);
  });

  it('may revoke a key, and call a lost one leaked later on, but never take it back', () => {
    const id = held[0]!;
    const lost = [{ id, reason: 'lost', time: start }];
    const leaked = [{ id, reason: 'leaked', time: start, activateUntil: start + day }];
    const revoking = successor({ revoked: lost });
    checkSuccessor(pinned, revoking, held);
    const after = (changes: object) =>
      parseKeyDocument(
        encode({
          ...revoking.document,
          previous: [...revoking.document.previous, b64(revoking.digest)],
          ...changes,
        }),
      );
    checkSuccessor(revoking, after({ name: 'Other News' }), held);
    const worse = after({ revoked: leaked });
    checkSuccessor(revoking, worse, held);
    checkSuccessor(revoking, after({ cards: [good.cards[1]], revoked: [] }), [held[1]!]);
    for (const revoked of [[], [{ ...lost[0], time: start + 1 }]]) {
      expect(refusal(() => checkSuccessor(revoking, after({ revoked }), held)).message).toContain(
        'takes back',
      );
    }
    const better = parseKeyDocument(
      encode({ ...worse.document, previous: [...worse.document.previous, b64(worse.digest)], revoked: lost }),
    );
    expect(refusal(() => checkSuccessor(worse, better, held)).message).toContain('takes back');
  });

  it('keeps every key that statements were signed with', () => {
    const { key } = good.statement;
    const other = b64(randomBytes(32));
    const earlier = [{ key, until: start }];
    const next = successor({ statement: { key: other, earlier } });
    checkSuccessor(pinned, next, held);
    const after = (statement: object) =>
      parseKeyDocument(
        encode({ ...next.document, previous: [...next.document.previous, b64(next.digest)], statement }),
      );
    checkSuccessor(next, after({ key: other, earlier }), held);
    for (const statement of [
      { key: other },
      { key: other, earlier: [{ key, until: start + 1 }] },
      { key, earlier },
    ]) {
      expect(refusal(() => checkSuccessor(next, after(statement), held)).message).toContain('signed with');
    }
    const dropped = successor({ statement: { key: other } });
    expect(refusal(() => checkSuccessor(pinned, dropped, held)).message).toContain('signed with');
  });

  it.each([
    ['of another origin', successor({ origin: 'https://other.example' }), 'other.example'],
    [
      'that does not name the pinned one',
      successor({ name: 'Other News', previous: good.previous }),
      'does not name',
    ],
    ['without a key in use', successor({ cards: good.cards.slice(1) }), 'drops or alters'],
    [
      'that tells another past',
      successor({ previous: [b64(randomBytes(32)), b64(pinned.digest)] }),
      'another past',
    ],
    [
      'with a key in use of another expiry',
      successor({ cards: good.cards.map((card) => ({ ...card, expires: card.expires + 1 })) }),
      'drops or alters',
    ],
    [
      'with an unknown member added to a key in use',
      successor({ cards: good.cards.map((card) => ({ ...card, note: 1 })) }),
      'drops or alters',
    ],
  ])('%s is refused with a way out', (_, next, message) => {
    const error = refusal(() => checkSuccessor(pinned, next, held));
    expect([error.code, error.message]).toEqual(['bad-document', expect.stringContaining(message)]);
    expect(error.hint).toBeDefined();
  });

  it('is refused if it alters a key, whether the wallet holds cards of it or not', () => {
    const altered = successor({ cards: good.cards.map((card) => ({ ...card, epoch: 'other' })) });
    expect(refusal(() => checkSuccessor(pinned, altered, [])).message).toContain('drops or alters');
  });

  it('is refused for a held key that the pinned document does not have', () => {
    const id = issuingKeyId(modulus());
    expect(refusal(() => checkSuccessor(pinned, successor({}), [id])).message).toContain(id);
  });
});

describe('worthOf', () => {
  const usd = (value: string) => ({ currency: 'USD', value });

  it('multiplies without rounding', () => {
    expect(worthOf(3, usd('0.001'))).toBe('0.003 USD');
    expect(worthOf(1000, usd('0.001'))).toBe('1 USD');
    expect(worthOf(1500, usd('0.001'))).toBe('1.5 USD');
    expect(worthOf(0, usd('0.001'))).toBe('0 USD');
    expect(worthOf(7, usd('2'))).toBe('14 USD');
    expect(worthOf(10, usd('10'))).toBe('100 USD');
    expect(worthOf(3, usd('0.1'))).toBe('0.3 USD');
    expect(worthOf(4_294_967_295, usd('999999999.999999999'))).toBe('4294967294999999995.705032705 USD');
  });

  it('is refused for what is no number of units', () => {
    for (const units of [-1, 0.5, Number.NaN, 2 ** 53]) {
      expect(refusal(() => worthOf(units, usd('1'))).code).toBe('invalid-argument');
    }
  });
});
