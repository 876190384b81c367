import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isImpulsError } from '../core/errors.js';
import type { JsonObject } from '../core/wire/canonical-json.js';
import * as records from './records.js';

const bytes = (length: number, fill: number): Uint8Array => new Uint8Array(length).fill(fill);

const card: records.CardRecord = {
  vendor: 'https://news.example',
  protocol: 'stream',
  generator: 'hmac-drbg',
  key: 'AAAAAAAAAAAAAAAAAAAAAA',
  units: 100,
  expires: 1_952_000_000,
  seed: bytes(32, 1),
  randomizer: bytes(32, 2),
  signature: bytes(384, 3),
};
const account: records.AccountRecord = {
  activated: true,
  refused: false,
  stale: true,
  spent: 7,
  top: 9,
  free: [
    [2, 3],
    [9, 100],
  ],
};
const order: records.OrderRecord = {
  vendor: 'https://news.example',
  code: 'K7Q2MABCDEFGHJKMNPQR',
  items: [
    {
      protocol: 'chain',
      key: 'AAAAAAAAAAAAAAAAAAAAAA',
      seed: bytes(32, 1),
      randomizer: bytes(32, 2),
      blinded: bytes(384, 3),
      inverse: bytes(384, 4),
    },
  ],
};
const claim: records.ClaimRecord = {
  card: 'card',
  end: 9,
  units: 3,
  nonce: bytes(16, 5),
  method: 'POST',
  url: 'https://news.example/a?b',
  headers: [
    ['accept', ''],
    ['x', 'y'],
  ],
  digest: bytes(32, 6),
  seal: 'aes128gcm',
  challenge: {
    id: 'i',
    realm: 'news.example',
    method: 'impuls',
    intent: 'session',
    request: 'r',
    expires: 'e',
  },
  contentType: 'text/plain',
  body: bytes(5, 7),
  idempotencyKey: 'one',
};

interface Kind {
  readonly name: string;
  readonly value: object;
  readonly text: string;
  readonly read: (text: string) => object;
}

function kindOf<T extends object>(
  name: string,
  read: (json: JsonObject) => T,
  format: (value: T) => string,
  value: T,
): Kind {
  return {
    name,
    value,
    text: format(value),
    read: (text) => records.parseRecord(`${name}:secret`, text, read),
  };
}

const kinds = [
  kindOf('card', records.readCard, records.formatCard, card),
  kindOf('account', records.readAccount, records.formatAccount, account),
  kindOf('order', records.readOrder, records.formatOrder, order),
  kindOf('claim', records.readClaim, records.formatClaim, claim),
];
const corrupt = expect.objectContaining({ code: 'storage-corrupt' }) as Error;
const optional = ['generator', 'seal', 'contentType', 'digest', 'body', 'idempotencyKey'];
const anyText = ['vendor', 'code', 'url', 'method', 'card'];

describe('the records of a wallet', () => {
  it('come back as they were written', () => {
    for (const { read, text, value } of kinds) expect(read(text)).toEqual(value);
  });

  it('are refused when anything is missing or of another kind', () => {
    for (const { name: kind, read, text } of kinds) {
      const json = JSON.parse(text) as Record<string, unknown>;
      for (const name of Object.keys(json).filter((member) => !optional.includes(member))) {
        for (const wrong of [undefined, null, -1, [[3, 2]], {}, '?']) {
          if (anyText.includes(name) && wrong === '?') continue;
          const broken = JSON.stringify({ ...json, [name]: wrong });
          expect(() => read(broken), `${kind} ${name} ${JSON.stringify(wrong)}`).toThrow(corrupt);
        }
      }
    }
  });

  it('raise only storage-corrupt, whatever is in them, and never quote it', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        for (const { read } of kinds) {
          try {
            read(text);
          } catch (error) {
            expect(isImpulsError(error, 'storage-corrupt')).toBe(true);
            expect((error as Error).message).not.toContain('secret');
          }
        }
      }),
    );
  });

  it('refuse free ranges that overlap, touch or run backwards', () => {
    const wrong = [
      [[3, 3]],
      [
        [0, 5],
        [5, 9],
      ],
      [
        [0, 5],
        [4, 9],
      ],
      [
        [5, 9],
        [0, 2],
      ],
      [[0, 1, 2]],
    ];
    for (const free of wrong) {
      const text = JSON.stringify({ ...account, free });
      expect(() => records.parseRecord('account:x', text, records.readAccount)).toThrow(corrupt);
    }
  });

  it('keep what is seldom there, each by itself', () => {
    const round = (value: records.ClaimRecord) =>
      records.parseRecord('claim:x', records.formatClaim(value), records.readClaim);
    const { digest, seal, contentType, body, idempotencyKey, ...bare } = claim;
    const seldom = { digest, seal, contentType, body, idempotencyKey, keep: true as const, credit: 'c' };
    expect(round(bare)).toEqual(bare);
    for (const [name, value] of Object.entries(seldom)) {
      expect(round({ ...bare, [name]: value })).toEqual({ ...bare, [name]: value });
      const text = records.formatClaim(bare).replace('{', `{"${name}":7,`);
      expect(() => records.parseRecord('claim:x', text, records.readClaim)).toThrow(corrupt);
    }
    const later = { ...card, usableFrom: 7 };
    expect(records.readCard(JSON.parse(records.formatCard(later)) as JsonObject)).toEqual(later);
  });

  it('claim no less than a unit', () => {
    for (const name of ['end', 'units']) {
      const text = records.formatClaim({ ...claim, [name]: 0 });
      expect(() => records.parseRecord('claim:x', text, records.readClaim)).toThrow(corrupt);
    }
  });

  it('of a stream say its generator, and of a chain none', () => {
    expect(records.kindOf({ protocol: 'stream' })).toEqual({ protocol: 'stream', generator: 'chacha20' });
    expect(records.kindOf({ protocol: 'stream', generator: 'hmac-drbg' })).toEqual({
      protocol: 'stream',
      generator: 'hmac-drbg',
    });
    expect(records.kindOf({ protocol: 'chain' })).toEqual({ protocol: 'chain' });
  });

  it('of a protocol or a generator that is not known are refused', () => {
    const json = JSON.parse(records.formatCard(card)) as JsonObject;
    for (const change of [{ protocol: 'toString' }, { generator: 'toString' }]) {
      expect(() => records.readKind({ ...json, ...change })).toThrow(
        expect.objectContaining({ code: 'unsupported' }),
      );
    }
  });

  it('raise errors that are no refusal as they are', () => {
    const slip = new TypeError('a slip');
    const read = () => {
      throw slip;
    };
    expect(() => records.parseRecord('card:x', '{}', read)).toThrow(slip);
  });
});

describe('a free range', () => {
  const read = (free: unknown) => () =>
    records.readAccount(JSON.parse(JSON.stringify({ ...account, free })) as JsonObject);

  it('ends above its beginning, and a unit at least above the one before', () => {
    expect(
      read([
        [0, 1],
        [2, 3],
      ])(),
    ).toMatchObject({
      free: [
        [0, 1],
        [2, 3],
      ],
    });
    for (const free of [
      [[1, 1]],
      [
        [0, 1],
        [1, 2],
      ],
      [
        [0, 1],
        [2, 2],
      ],
      [[0, 1, 2]],
      [[0]],
    ]) {
      expect(read(free)).toThrow(expect.objectContaining({ code: 'malformed' }));
    }
  });
});

describe('a payment', () => {
  const payment = {
    time: 1.5,
    method: 'GET',
    url: '/',
    units: 0,
    worth: '0.001 EUR',
    reference: 'r',
    fingerprint: 'f',
    card: 'c',
    vendor: 'v',
    protocol: 'chain',
    end: 7,
    remaining: 3,
    verdict: 'accepted',
  };

  it('comes back as it was written, of each kind that it can be', () => {
    for (const verdict of ['accepted', 'repeated', 'outcome-unknown', 'already-claimed']) {
      expect(records.readPayment({ ...payment, verdict })).toEqual({ ...payment, verdict });
    }
    const { remaining, ...rest } = payment;
    expect(remaining).toBe(3);
    expect(records.readPayment(rest)).toEqual(rest);
  });

  it('is refused with anything missing or of another kind', () => {
    for (const name of Object.keys(payment)) {
      for (const wrong of [null, {}, -1, 'released']) {
        if (
          wrong === 'released' &&
          typeof payment[name as 'url'] === 'string' &&
          !/protocol|verdict/.test(name)
        )
          continue;
        if (wrong === -1 && name === 'time') continue;
        expect(() => records.readPayment({ ...payment, [name]: wrong }), name).toThrow(
          expect.objectContaining({ name: 'ImpulsError' }),
        );
      }
    }
  });
});

describe('the name of an order', () => {
  it('is 22 characters that differ by vendor and by code', () => {
    const names = [
      ['a', 'b'],
      ['a', 'c'],
      ['d', 'b'],
    ].map(([vendor, code]) => records.orderName(vendor!, code!));
    expect(new Set(names).size).toBe(3);
    for (const name of names) expect(name).toMatch(/^[\w-]{22}$/);
    expect(records.orderName('https://a.example', 'K7Q2MABCDEFGHJKMNPQR')).toBe('MI0JsA7ZfW_mz5MC87VWYA');
  });
});

describe('the document of a vendor', () => {
  it('comes back as it was written', () => {
    const vendor = { document: 'e30' };
    expect(records.readVendor(JSON.parse(records.formatVendor(vendor)) as JsonObject)).toEqual(vendor);
    expect(() => records.readVendor({})).toThrow(expect.objectContaining({ code: 'malformed' }));
  });
});
