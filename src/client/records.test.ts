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
});
