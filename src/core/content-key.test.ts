import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toBase64url } from './base64url.js';
import { contentKeyUrl, isContentId, parseContentKeyUrl } from './content-key.js';
import { isImpulsError } from './errors.js';

const id = toBase64url(new Uint8Array(16).fill(7));

describe('the URL of a content key', () => {
  it('is that of the vendor, a path and the id', () => {
    const href = `https://news.example/impuls/keys/${id}`;
    expect(contentKeyUrl('https://news.example', id)).toBe(href);
    expect(parseContentKeyUrl(href)).toEqual({ origin: 'https://news.example', id, href });
    expect(parseContentKeyUrl(`http://127.0.0.1:8402/impuls/keys/${id}`).origin).toBe(
      'http://127.0.0.1:8402',
    );
  });

  it('has one form: no other path, no query, no user, no port that goes without saying', () => {
    for (const wrong of [
      `https://news.example/articles/${id}`,
      `https://news.example/impuls/keys/${id}?a=b`,
      `https://news.example/impuls/keys/${id}#a`,
      `https://news.example/impuls/keys/${id}/`,
      `https://news.example/a/impuls/keys/${id}`,
      `https://news.example//impuls/keys/${id}`,
      `https://news.example?/impuls/keys/${id}`,
      `https://me@news.example/impuls/keys/${id}`,
      `https://news.example:443/impuls/keys/${id}`,
      `https://News.example/impuls/keys/${id}`,
      `ftp://news.example/impuls/keys/${id}`,
      `/impuls/keys/${id}`,
      `https://news.example/impuls/keys/${id.slice(1)}`,
      `https://news.example/impuls/keys/${id.slice(1)}=`,
      `https://${'a'.repeat(230)}.example/impuls/keys/${id}`,
      '',
    ]) {
      expect(() => parseContentKeyUrl(wrong), wrong).toThrow(expect.objectContaining({ code: 'malformed' }));
    }
  });

  it('of any text raises only ImpulsError', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (before, after) => {
        try {
          parseContentKeyUrl(`${before}/impuls/keys/${after}`);
        } catch (error) {
          expect(isImpulsError(error, 'malformed')).toBe(true);
        }
      }),
    );
  });
});

describe('the id of a content key', () => {
  it('is 16 bytes in canonical base64url', () => {
    expect(isContentId(id)).toBe(true);
    for (const wrong of ['', id.slice(1), `${id}A`, `${id.slice(0, 21)}x`, `${id.slice(0, 21)}=`]) {
      expect(isContentId(wrong), wrong).toBe(false);
    }
  });
});
