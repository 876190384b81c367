import { describe, expect, it } from 'vitest';
import { decide } from './verdicts.js';

const report = { units: 100, spent: 3, top: 3, expires: 2e9, gaps: [] };
const state = (verdict: string) => ({ verdict, report });

describe('what a wallet does with an answer', () => {
  it('settles on a receipt that holds, for what the receipt says', () => {
    const receipt = { verdict: 'accepted', units: 2 } as const;
    expect(decide({ status: 200, receipt })).toEqual({
      move: 'settle',
      verdict: 'accepted',
      units: 2,
      then: 'return',
    });
  });

  it('neither settles nor frees without proof, whatever the status', () => {
    for (const status of [200, 204, 302, 400, 402, 403, 404, 409, 429, 500, 502, 503]) {
      for (const problem of [undefined, 'payment-required', 'claim-released', 'verification-failed']) {
        expect(decide({ status, problem })).toEqual({ move: 'repeat', because: 'unauthenticated' });
      }
    }
    const receipt = { verdict: 'accepted', units: 2 } as const;
    expect(decide({ status: 500, receipt }).move).toBe('repeat');
  });

  it('takes a verdict that it does not know for no proof', () => {
    for (const verdict of ['state', 'activate', 'unknown', 'toString', '__proto__', '']) {
      expect(decide({ status: 409, state: state(verdict) }).move).toBe('repeat');
    }
  });

  it.each([
    ['in-progress', 'repeat'],
    ['outcome-unknown', 'settle'],
    ['already-claimed', 'settle'],
    ['released', 'free'],
    ['conflict', 'free'],
    ['insufficient', 'free'],
    ['crowded', 'free'],
    ['expired', 'free'],
    ['mismatched', 'free'],
    ['forged', 'free'],
    ['accepted', 'settle'],
    ['repeated', 'settle'],
  ])('follows the table: %s → %s', (verdict, move) => {
    expect(decide({ status: 409, state: state(verdict) }).move).toBe(move);
  });

  it('hands on what a handler answered when it released, and pays anew only where that answer was lost', () => {
    expect(decide({ status: 404, state: state('released') })).toMatchObject({ then: 'return' });
    expect(decide({ status: 409, state: state('released'), problem: 'claim-released' })).toMatchObject({
      then: 'decide-if-safe',
    });
  });

  it('says that a thing is done already where its answer was not kept', () => {
    expect(decide({ status: 409, state: state('repeated'), problem: 'already-done' })).toMatchObject({
      move: 'settle',
      then: 'already-served',
    });
  });
});
