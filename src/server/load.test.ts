import { describe, expect, it } from 'vitest';
import { isImpulsError } from '../core/errors.js';
import { createLoad, type LoadOptions } from './load.js';

/** A load whose clock the test moves. */
function start(options: LoadOptions = {}) {
  const time = { ms: 1000 };
  const waits: number[] = [];
  const wait = (ms: number): Promise<void> => {
    waits.push(ms);
    return Promise.resolve();
  };
  return { load: createLoad({ ...options, now: () => time.ms, wait }), time, waits };
}

const place = expect.objectContaining({ leave: expect.any(Function) });

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
    const first = load.claims.enter();
    expect([first, load.claims.enter(), load.claims.enter()]).toEqual([place, place, undefined]);
    first!.leave();
    first!.leave();
    expect(load.claims.enter()).toEqual(place);
    expect(load.gauge).toMatchObject({ claims: 2, shed: { claims: 1, requests: 0 } });
  });

  it('leaves claims their places when there are too many that nobody knows', () => {
    const { load } = start({ maxClaims: 1 });
    for (let i = 0; i < 4; i++) expect(load.lookups.enter()).toEqual(place);
    expect(load.lookups.enter()).toBeUndefined();
    expect(load.claims.enter()).toEqual(place);
  });

  it('gives the place of a call that was forgotten to another one', () => {
    const { load, time } = start({ maxClaims: 2 });
    load.claims.enter();
    time.ms += 30_000;
    load.claims.enter();
    time.ms += 29_999;
    expect(load.claims.enter()).toBeUndefined();
    time.ms += 1;
    expect(load.claims.enter()).toEqual(place);
    expect(load.claims.enter()).toBeUndefined();
  });

  it('answers all strangers while no claim waits, and so many at a time while one does', () => {
    const { load, time } = start({ maxStrangers: 2 });
    const ask = (): boolean[] => [1, 2, 3].map(() => load.admitStranger());
    expect(ask()).toEqual([true, true, true]);
    const claim = load.claims.enter()!;
    expect(ask()).toEqual([true, true, false]);
    time.ms += 19;
    expect(ask()).toEqual([false, false, false]);
    time.ms += 1;
    expect(ask()).toEqual([true, true, false]);
    claim.leave();
    expect(ask()).toEqual([true, true, true]);
    expect(load.gauge.shed.strangers).toBe(5);
  });

  it('lets so many wait who are shed, one of a connection', async () => {
    const ends: Array<() => void> = [];
    const wait = (): Promise<void> => new Promise((resolve) => ends.push(resolve));
    const load = createLoad({ maxHeld: 2, wait });
    const connection = {};
    const first = load.hold(connection);
    expect(first).toBeInstanceOf(Promise);
    expect(load.hold(connection)).toBeUndefined();
    expect(load.hold({})).toBeInstanceOf(Promise);
    expect(load.hold(undefined)).toBeUndefined();
    expect(load.gauge.held).toBe(2);
    ends.forEach((end) => end());
    await first;
    expect(load.gauge.held).toBe(0);
    expect(load.hold(connection)).toBeInstanceOf(Promise);
  });

  it('keeps costly steps five times as far apart while a claim waits for its verdict', async () => {
    const { load, waits } = start({ stepMs: 5 });
    const claim = load.claims.enter()!;
    await Promise.all([load.step(), load.step()]);
    claim.leave();
    await Promise.all([load.step(), load.step()]);
    expect(waits).toEqual([25, 50, 55]);
  });

  it('does one costly step after the other, at a distance', async () => {
    const { load, time, waits } = start({ stepMs: 5 });
    await Promise.all([load.step(), load.step(), load.step()]);
    expect(waits).toEqual([5, 10]);
    time.ms += 13;
    await load.step();
    expect(waits).toEqual([5, 10, 2]);
    time.ms += 100;
    await load.step();
    expect(waits).toHaveLength(3);
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

  it('makes room for others where a body is not sent on', () => {
    const { load, time } = start({ maxBodyBytes: 1600 });
    const left = load.openBody('a', 2000);
    left.take(1600);
    time.ms += 59_999;
    expect(takes(() => load.openBody('b', 50).take(50))).toBe(false);
    time.ms += 1;
    expect(takes(() => load.openBody('b', 50).take(50))).toBe(true);
    left.end();
    expect(load.gauge.bodyBytes).toBe(50);
  });

  it('refuses bounds that are none', () => {
    for (const bound of [0, -1, 1.5, NaN, Infinity]) {
      expect(() => createLoad({ maxClaims: bound })).toThrow('a whole number from 1');
      expect(() => createLoad({ maxHeld: bound })).toThrow('a whole number from 1');
    }
  });
});
