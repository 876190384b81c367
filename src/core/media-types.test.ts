import { describe, expect, it } from 'vitest';
import { mediaTypeOf } from './media-types.js';

describe('the media type of a file', () => {
  it('is told by the end of its name, in any case', () => {
    expect(mediaTypeOf('report.pdf')).toBe('application/pdf');
    expect(mediaTypeOf('a/b.c/Film.MP4')).toBe('video/mp4');
    expect(mediaTypeOf('notes.txt')).toBe('text/plain; charset=utf-8');
  });

  it('is plain bytes where the name does not tell', () => {
    for (const name of ['', 'README', 'a.unknown', 'a.constructor', 'txt', 'a.txt/b', 'a.txt.']) {
      expect(mediaTypeOf(name), name).toBe('application/octet-stream');
    }
  });
});
