import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toBase64url } from './base64url.js';
import { utf8 } from './bytes.js';
import { isImpulsError } from './errors.js';
import { limits } from './limits.js';
import { formatManifest, parseManifest, type ContentItem, type ContentManifest } from './manifest.js';

const vendor = 'https://news.example';
const keyUrl = (byte: number) => `${vendor}/impuls/keys/${toBase64url(new Uint8Array(16).fill(byte))}`;
const item: ContentItem = {
  path: 'reports/2031.pdf',
  sealed: 'reports/2031.pdf.sealed',
  type: 'application/pdf',
  size: 123,
  key: keyUrl(1),
  price: 3,
};
const manifest: ContentManifest = {
  vendor,
  unit: { code: 'unit', currency: 'USD', value: '0.001' },
  items: [item, { ...item, path: 'ä b.txt', type: 'text/plain; charset=utf-8', key: keyUrl(2) }],
};
const parse = (value: unknown) => parseManifest(utf8(JSON.stringify(value)));
const withItem = (changes: object) => ({ version: 1, vendor, items: [{ ...item, ...changes }] });

describe('a manifest', () => {
  it('is read as it was written', () => {
    expect(parseManifest(utf8(formatManifest(manifest)))).toEqual(manifest);
    expect(parseManifest(utf8(formatManifest({ vendor, items: [] })))).toEqual({ vendor, items: [] });
  });

  it('may say more than is known', () => {
    expect(parse({ ...withItem({ title: 'A' }), more: 1 })).toEqual({ vendor, items: [item] });
  });

  it('lists only paths below its folder', () => {
    for (const path of [
      '',
      '/etc/passwd',
      '../a',
      'a/../b',
      'a//b',
      'a/',
      './a',
      'a\\b',
      'C:/a',
      'c:a',
      'a\0',
      'a\nb',
      'a'.repeat(1025),
      7,
    ]) {
      for (const member of ['path', 'sealed']) {
        expect(() => parse(withItem({ [member]: path })), String(path)).toThrow(
          expect.objectContaining({ code: 'malformed' }),
        );
      }
    }
  });

  it('names only keys of its vendor, each at a price', () => {
    for (const changes of [
      { key: `https://other.example/impuls/keys/${keyUrl(1).slice(-22)}` },
      { key: `${vendor}/articles/1` },
      { key: undefined },
      { price: 0 },
      { price: 1.5 },
      { price: 2 ** 32 },
      { price: '3' },
      { size: -1 },
      { size: 2 ** 53 },
      { type: 'pdf' },
      { type: 'text/html\r\nX: y' },
    ]) {
      expect(() => parse(withItem(changes)), JSON.stringify(changes)).toThrow(
        expect.objectContaining({ code: 'malformed' }),
      );
    }
  });

  it('is refused with a file twice, another version, or more than is read', () => {
    expect(() => parse({ version: 1, vendor, items: [item, item] })).toThrow(
      expect.objectContaining({ code: 'malformed' }),
    );
    expect(() => parse({ ...withItem({}), version: 2 })).toThrow(
      expect.objectContaining({ code: 'unsupported' }),
    );
    expect(() => parse({ ...withItem({}), unit: { code: 'unit', currency: 'USD', value: 'free' } })).toThrow(
      expect.objectContaining({ code: 'malformed' }),
    );
    expect(() => parseManifest(new Uint8Array(limits.manifestBytes + 1))).toThrow(
      expect.objectContaining({ code: 'too-large' }),
    );
    const many = Array.from({ length: limits.manifestItems + 1 }, () => 0);
    expect(() => parse({ version: 1, vendor, items: many })).toThrow(
      expect.objectContaining({ code: 'too-large' }),
    );
  });

  it('of any JSON or bytes raises only ImpulsError', () => {
    const attempt = (bytes: Uint8Array) => {
      try {
        parseManifest(bytes);
      } catch (error) {
        expect(isImpulsError(error)).toBe(true);
      }
    };
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), attempt));
    fc.assert(
      fc.property(fc.json(), fc.json(), (a, b) =>
        attempt(utf8(`{"version":1,"vendor":"${vendor}","unit":${a},"items":[${b}]}`)),
      ),
    );
  });
});
