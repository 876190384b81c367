import { describe, expect, it } from 'vitest';
import { isImpulsError } from '../core/errors.js';
import { createLoad, type LoadOptions } from './load.js';

/** A load whose turns the test makes. */
function start(options: LoadOptions = {}) {
  let turns: Array<() => void> = [];
  const load = createLoad({ ...options, turn: () => new Promise((resolve) => turns.push(resolve)) });
  const turn = async (): Promise<void> => {
    const ended = turns;
    turns = [];
    for (const end of ended) end();
    await Promise.resolve();
    await Promise.resolve();
  };
  return { load, turn };
}

const takes = (take: () => void): boolean => {
  try {
    take();
    return true;
  } catch (error) {
    if (isImpulsError(error, 'throttled')) return false;
    throw error;
  }
};

describe('the load of a vendor', () => {
  it('has so many places, and counts who found none', () => {
    const { load } = start({ maxClaims: 2 });
    expect([load.claims.enter(), load.claims.enter(), load.claims.enter()]).toEqual([true, true, false]);
    load.claims.leave();
    expect(load.claims.enter()).toBe(true);
    expect(load.gauge).toMatchObject({ claims: 2, shed: { claims: 1, requests: 0 } });
  });

  it('leaves claims their places when there are too many that nobody knows', () => {
    const { load } = start({ maxClaims: 1 });
    for (let i = 0; i < 4; i++) expect(load.lookups.enter()).toBe(true);
    expect(load.lookups.enter()).toBe(false);
    expect(load.claims.enter()).toBe(true);
  });

  it('answers so many strangers in a turn, and as many in the next one', async () => {
    const { load, turn } = start({ maxStrangers: 2 });
    const ask = (): boolean[] => [1, 2, 3].map(() => load.admitStranger());
    expect(ask()).toEqual([true, true, false]);
    await turn();
    expect(ask()).toEqual([true, true, false]);
    expect(load.gauge.shed.strangers).toBe(2);
  });

  it('does one costly step at a turn, in the order in which they came', async () => {
    const { load, turn } = start();
    const done: string[] = [];
    for (const name of ['a', 'b', 'c']) void load.step().then(() => done.push(name));
    await Promise.resolve();
    expect(done).toEqual(['a']);
    await turn();
    expect(done).toEqual(['a', 'b']);
    await turn();
    expect(done).toEqual(['a', 'b', 'c']);
    await turn();
    void load.step().then(() => done.push('d'));
    await Promise.resolve();
    expect(done).toContain('d');
  });

  it('counts what arrives of bodies, in all and of one owner, until they are there', () => {
    const { load } = start({ maxBodyBytes: 1600 });
    const first = load.openBody('a', 50);
    expect(takes(() => first.take(100))).toBe(true);
    expect(takes(() => load.openBody('a', 50).take(1))).toBe(false);
    expect(takes(() => load.openBody('b', 50).take(100))).toBe(true);
    expect(load.gauge.bodyBytes).toBe(200);
    first.end();
    expect(takes(() => load.openBody('a', 50).take(100))).toBe(true);
    for (let i = 0; i < 14; i++) expect(takes(() => load.openBody(`o${i}`, 50).take(100))).toBe(true);
    expect(takes(() => load.openBody('z', 50).take(1))).toBe(false);
    expect(load.gauge).toMatchObject({ bodyBytes: 1600, shed: { bodies: 2 } });
  });

  it('takes one body as long as its route says, whatever its bounds are', () => {
    const { load } = start({ maxBodyBytes: 10 });
    expect(takes(() => load.openBody('a', 5000).take(5000))).toBe(true);
    expect(takes(() => load.openBody('b', 5000).take(1))).toBe(false);
  });

  it('refuses bounds that are none', () => {
    for (const bound of [0, -1, 1.5, NaN, Infinity]) {
      expect(() => createLoad({ maxClaims: bound })).toThrow('a whole number from 1');
    }
  });
});
