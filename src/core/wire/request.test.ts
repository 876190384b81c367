import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { codeOf } from '../../../test/support/code-of.js';
import { toBase64url } from '../base64url.js';
import { decodeText, encodeText } from './base64url-text.js';
import { canonicalJson, type JsonValue } from './canonical-json.js';
import { decodeRequest, encodeRequest, readRequest, type ImpulsRequest } from './request.js';

const document = toBase64url(new Uint8Array(32).fill(7));
const nonce = toBase64url(new Uint8Array(16).fill(9));
const sample = {
  amount: '3',
  currency: 'unit',
  methodDetails: { document, unit: { currency: 'USD', value: '0.001' }, version: 1 },
} satisfies ImpulsRequest;

describe('the request of method impuls', () => {
  it('is base64url of canonical JSON', () => {
    expect(decodeText(encodeRequest(sample))).toBe(
      `{"amount":"3","currency":"unit","methodDetails":{"document":"${document}",` +
        '"unit":{"currency":"USD","value":"0.001"},"version":1}}',
    );
  });

  it('is read as it was written', () => {
    const requests = fc.record({
      amount: fc.integer({ min: 1, max: 0xffff_ffff }).map(String),
      currency: fc.stringMatching(/^[a-z]{1,10}$/),
      methodDetails: fc.record(
        {
          document: fc.uint8Array({ minLength: 32, maxLength: 32 }).map(toBase64url),
          headers: fc
            .uniqueArray(fc.stringMatching(/^[a-z][a-z0-9-]{0,12}$/), { minLength: 1, maxLength: 8 })
            .map((names) => names.sort()),
          nonce: fc.uint8Array({ minLength: 16, maxLength: 16 }).map(toBase64url),
          seal: fc.constant('aes128gcm' as const),
          unit: fc.record({
            currency: fc.constantFrom('USD', 'EUR'),
            value: fc.constantFrom('1', '0.001', '0', '12.50'),
          }),
          version: fc.constant(1 as const),
        },
        { requiredKeys: ['document', 'unit', 'version'] },
      ),
    });
    fc.assert(
      fc.property(requests, (request) => {
        expect(decodeRequest(encodeRequest(request))).toEqual(request);
      }),
    );
  });

  it('may have members that are not known, and members in another order', () => {
    const { amount, currency, methodDetails } = sample;
    const json = { note: [1], methodDetails: { x: {}, ...methodDetails }, currency, amount };
    expect(decodeRequest(encodeText(JSON.stringify(json)))).toEqual(sample);
  });

  const withDetails = (details: object) => ({
    ...sample,
    methodDetails: { ...sample.methodDetails, ...details },
  });
  it.each<[string, unknown]>([
    ['no object', []],
    ['no amount', { ...sample, amount: undefined }],
    ['an amount of 0', { ...sample, amount: '0' }],
    ['a number as amount', { ...sample, amount: 3 }],
    ['a leading zero', { ...sample, amount: '03' }],
    ['an amount of 2^32', { ...sample, amount: '4294967296' }],
    ['an amount with a fraction', { ...sample, amount: '1.5' }],
    ['an amount with a line end', { ...sample, amount: '3\n' }],
    ['an empty currency', { ...sample, currency: '' }],
    ['a currency with a space', { ...sample, currency: 'a b' }],
    ['no details', { ...sample, methodDetails: undefined }],
    ['a short document', withDetails({ document: nonce })],
    ['a document that is not canonical', withDetails({ document: document.slice(0, -1) + 'd' })],
    ['a long nonce', withDetails({ nonce: document })],
    ['another seal', withDetails({ seal: 'aes256gcm' })],
    ['a seal that is no text', withDetails({ seal: true })],
    ['a null seal', withDetails({ seal: null })],
    ['an empty seal', withDetails({ seal: '' })],
    ['no headers', withDetails({ headers: [] })],
    ['a header in upper case', withDetails({ headers: ['Accept'] })],
    ['headers out of order', withDetails({ headers: ['b', 'a'] })],
    ['a header twice', withDetails({ headers: ['a', 'a'] })],
    ['nine headers', withDetails({ headers: Array.from('abcdefghi') })],
    ['a header that is no name', withDetails({ headers: ['a b'] })],
    ['a unit without value', withDetails({ unit: { currency: 'USD' } })],
    ['a negative value', withDetails({ unit: { currency: 'USD', value: '-1' } })],
    ['a value in exponents', withDetails({ unit: { currency: 'USD', value: '1e3' } })],
  ])('is refused with %s', (_, json) => {
    expect(codeOf(() => readRequest(json as JsonValue))).toBe('malformed');
    expect(codeOf(() => decodeRequest(encodeText(JSON.stringify(json))))).toBe('malformed');
    expect(codeOf(() => encodeRequest(json as ImpulsRequest))).toBe('malformed');
  });

  it('of another version is unsupported', () => {
    for (const version of [2, '1', null]) {
      expect(codeOf(() => readRequest(withDetails({ version })))).toBe('unsupported');
    }
  });

  it('raises only its own error', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.jsonValue(), (noise, value) => {
        codeOf(() => decodeRequest(noise));
        codeOf(() => decodeRequest(encodeText(noise)));
        codeOf(() => decodeRequest(encodeText(JSON.stringify(value))));
        codeOf(() => readRequest(withDetails({ [noise]: value })));
      }),
    );
    expect(codeOf(() => decodeRequest('A'.repeat(20_000)))).toBe('malformed');
    expect(canonicalJson(sample)).toBe(decodeText(encodeRequest(sample)));
  });
});
