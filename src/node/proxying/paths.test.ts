import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isImpulsError } from '../../core/errors.js';
import { coversPath, matchesPath, parsePathPattern, readPath } from './paths.js';

/** Whether a pattern is met: by every reading, by none, or by some. */
function meets(pattern: string, path: string): boolean | 'in part' | 'unreadable' {
  const readings = readPath(path);
  if (!readings) return 'unreadable';
  const found = new Set(readings.map((reading) => matchesPath(parsePathPattern(pattern), reading)));
  return found.size > 1 ? 'in part' : found.has(true);
}

describe('a path pattern', () => {
  it.each([
    ['/', '/', true],
    ['/', '/a', false],
    ['/search', '/search', true],
    ['/search', '/search/', true],
    ['/search', '/SEARCH', true],
    ['/search', '/%73earch', true],
    ['/search', '/search/x', false],
    ['/a/{id}', '/a/1.2', true],
    ['/a/{id}', '/a', false],
    ['/a/{id}/b', '/a/1/b', true],
    ['/a/{id}', '/a/x%20y', true],
    ['/v1/*', '/v1', true],
    ['/v1/*', '/v1/', true],
    ['/v1/*', '/v1/a/b', true],
    ['/v1/*', '/v11', false],
    ['/*', '/', true],
    ['/café', '/caf%C3%A9', true],
    ['/a%20b', '/a%20b', true],
  ])('%s has %s: %s', (pattern, path, expected) => {
    expect(meets(pattern, path)).toBe(expected);
  });

  it.each([
    '/free/../paid/x',
    '/free/%2e%2e/paid/x',
    '/free/.%2E/paid/x',
    '//paid/x',
    '/free%2f..%2fpaid',
    '/free\\..\\paid',
    '/./paid',
    '/paid;v=1/x',
    '/paid/../free',
    '/%2fpaid',
  ])('is met in part only by %s, which servers read in two ways', (path) => {
    expect(meets('/paid/*', path)).toBe('in part');
  });

  it.each(['', 'paid', '*', 'http://other.example/paid', '/a#b', '/%', '/%zz', '/%00', '/a%0d%0ab', '/%ff'])(
    'is not asked about %j',
    (path) => {
      expect(meets('/paid/*', path)).toBe('unreadable');
    },
  );

  it('is refused where it is no path', () => {
    for (const text of [
      '',
      'a',
      '/a*',
      '/*/a',
      '/a/{}',
      '/{a}b',
      '/a?b',
      '/a b',
      '/a//b',
      '/a/../b',
      '/%',
      '/a\\b',
    ]) {
      expect(() => parsePathPattern(text), text).toThrow(/is a path such as/);
    }
  });

  it('covers those of which it has every path', () => {
    const covers = (one: string, other: string): boolean =>
      coversPath(parsePathPattern(one), parsePathPattern(other));
    expect(covers('/*', '/a/b')).toBe(true);
    expect(covers('/a/*', '/a')).toBe(true);
    expect(covers('/a/*', '/A/{x}/*')).toBe(true);
    expect(covers('/a/{x}', '/a/b')).toBe(true);
    expect(covers('/a/b', '/a/{x}')).toBe(false);
    expect(covers('/a/{x}', '/a/*')).toBe(false);
    expect(covers('/a/{x}/*', '/a/*')).toBe(false);
    expect(covers('/b/*', '/a/*')).toBe(false);
  });
});

describe('any path', () => {
  const odd = fc.string({
    unit: fc.constantFrom('/', '.', '%', '2', 'e', 'f', 'a', 'P', ';', '\\', '*', 'ä'),
  });

  it('is read, or not, without an error', () => {
    fc.assert(fc.property(fc.oneof(odd, fc.string()), (text) => void readPath(`/${text}`)));
  });

  it('is a pattern, or refused as malformed', () => {
    fc.assert(
      fc.property(fc.oneof(odd, fc.string()), (text) => {
        try {
          parsePathPattern(`/${text}`);
        } catch (error) {
          expect(isImpulsError(error, 'malformed')).toBe(true);
        }
      }),
    );
  });

  it('that has one reading is what the URL standard makes of it, too', () => {
    fc.assert(
      fc.property(odd, (text) => {
        const readings = readPath(`/${text}`);
        if (readings?.length !== 1) return;
        const tidied = new URL(`http://x.example/${text}`).pathname.toLowerCase().replace(/\/$/, '');
        expect(`/${readings[0]!.join('/')}`.replace(/\/$/, '')).toBe(tidied);
      }),
    );
  });
});
