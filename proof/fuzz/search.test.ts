import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { instrument, wordsOf } from './instrument.js';
import { minimise, search, type SearchOptions } from './search.js';

/** Fails only behind several branches, which nobody hits upon by chance. */
const source = `
  export function parse(bytes) {
    if (bytes[0] !== 0x7b) return 'short';
    const text = String.fromCharCode(...bytes);
    return text.startsWith('{secret') ? (text.length > 8 && text.endsWith('}') ? fail() : 1) : bytes.length ?? 2;
  }
  const fail = () => { throw new Error('found'); };
`;

/** The source, counting. */
function load(): { readonly hits: Uint8Array; readonly run: SearchOptions['run'] } {
  const hits = new Uint8Array(64);
  let branches = 0;
  const code = instrument(source, () => branches++).replace('export function', 'function');
  const run = runInNewContext(`${code}; parse`, { __hits: hits }) as SearchOptions['run'];
  return { hits, run };
}

function options(seed: number, most: number): SearchOptions {
  const words = wordsOf(source).map((word) => new TextEncoder().encode(word));
  return { ...load(), words, seeds: [], seed, maxBytes: 64, goesOn: (runs) => runs < most };
}

describe('a search', () => {
  it('finds a failure behind branches that it has to reach one after the other', async () => {
    const { finding, runs } = await search(options(1, 100_000));
    expect(String(finding?.error)).toContain('found');
    expect(new TextDecoder().decode(finding?.bytes)).toMatch(/^\{secret.*\}$/s);
    expect(runs).toBeLessThan(100_000);
  });

  it('is the same with the same seed', async () => {
    const [one, other] = [await search(options(7, 500)), await search(options(7, 500))];
    expect(other.corpus).toEqual(one.corpus);
    expect(one.branches).toBeGreaterThan(1);
  });

  it('keeps the fewest inputs that reach all', async () => {
    const { hits, run } = load();
    const inputs = ['abc', '{', '{secret', 'x', '{b', '{ab'].map((text) => new TextEncoder().encode(text));
    const kept = (await minimise(run, hits, inputs)).map((bytes) => new TextDecoder().decode(bytes));
    expect(kept).toEqual(['{', 'x', '{secret']);
  });
});
