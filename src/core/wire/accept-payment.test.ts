import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { codeOf } from '../../../test/support/code-of.js';
import { acceptedChallenges, parseAcceptPayment, weightOf } from './accept-payment.js';
import { formatChallenge } from './challenge.js';

describe('parseAcceptPayment', () => {
  it.each<[string, Array<[string, string, number]>]>([
    ['impuls/session', [['impuls', 'session', 1]]],
    [
      'tempo/charge, impuls/*;q=0.6 ,*/session; Q=0.3',
      [
        ['tempo', 'charge', 1],
        ['impuls', '*', 0.6],
        ['*', 'session', 0.3],
      ],
    ],
    [
      ',, */*;q=0, a-1/b-2;v=1;q=0.125;w="x",',
      [
        ['*', '*', 0],
        ['a-1', 'b-2', 0.125],
      ],
    ],
    ['impuls/charge;q=1.000', [['impuls', 'charge', 1]]],
    ['impuls/charge;q=0.', [['impuls', 'charge', 0]]],
  ])('reads %j', (header, expected) => {
    const found = parseAcceptPayment(header).map(({ method, intent, weight }) => [method, intent, weight]);
    expect(found).toEqual(expected);
  });

  it.each([
    '',
    ' , ',
    'impuls',
    'impuls/',
    '/charge',
    'Impuls/charge',
    'impuls / charge',
    'impuls/charge;',
    'impuls/charge;q',
    'impuls/charge;q=2',
    'impuls/charge;q=1.5',
    'impuls/charge;q=0.1234',
    'impuls/charge;q=-1',
    'impuls/charge;q=0.5;q=0.4',
    'impuls/charge impuls/session',
    'im*/charge',
    `impuls/${'a'.repeat(4096)}`,
    Array.from({ length: 65 }, () => '*/*').join(),
  ])('refuses %j', (header) => {
    expect(codeOf(() => parseAcceptPayment(header))).toBe('malformed');
  });

  it('raises only its own error', () => {
    const pieces = fc.constantFrom('impuls', '*', '/', ',', ';', 'q=', '0.5', '1', ' ', '\t', '"', 'é');
    const headers = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(pieces, { maxLength: 16 }).map((p) => p.join('')),
    );
    fc.assert(
      fc.property(headers, (header) => void codeOf(() => parseAcceptPayment(header))),
      { numRuns: 300 },
    );
  });

  it.each(['*/*,', ';', ' ', 'a/b;', 'a/b;a=b'])('reads a value full of %j in time', (unit) => {
    for (const end of ['', '!', '"', ' x']) {
      codeOf(() => parseAcceptPayment(unit.repeat(4096).slice(0, 4090) + end));
    }
  });
});

describe('a client that weighs what it can pay with', () => {
  const weigh = (header: string, method: string, intent: string): number =>
    weightOf(parseAcceptPayment(header), method, intent);

  it('means the range that names a way most closely', () => {
    const header = 'impuls/*;q=0.4, */*;q=0.9, impuls/charge;q=0';
    expect(weigh(header, 'impuls', 'session')).toBe(0.4);
    expect(weigh(header, 'impuls', 'charge')).toBe(0);
    expect(weigh(header, 'tempo', 'charge')).toBe(0.9);
  });

  it('means the greatest weight of ranges that are equally close', () => {
    expect(weigh('impuls/*;q=0.2, */session;q=0.7', 'impuls', 'session')).toBe(0.7);
    expect(weigh('*/session;q=0.7, impuls/*;q=0.2', 'impuls', 'session')).toBe(0.7);
  });

  it('does not want what it does not name', () => {
    expect(weigh('tempo/charge', 'impuls', 'session')).toBe(0);
  });
});

describe('the challenges of a 402', () => {
  const challenge = (method: string, intent: string): string =>
    formatChallenge({ id: 'x', realm: 'news.example', method, intent, request: 'e30' });
  const session = challenge('impuls', 'session');
  const charge = challenge('impuls', 'charge');
  const other = challenge('tempo', 'charge');
  const all = [session, charge, other];

  it.each<[string | undefined, readonly string[]]>([
    [undefined, all],
    ['*/*', all],
    ['impuls/session', [session]],
    ['impuls/charge, tempo/charge', [charge, other]],
    ['impuls/charge;q=0.5, tempo/charge', [other, charge]],
    ['*/charge;q=0.5, impuls/*;q=0.8', [session, charge, other]],
    ['impuls/*, impuls/session;q=0', [charge]],
    ['*/*, tempo/*;q=0', [session, charge]],
  ])('for %j are those that are accepted, the most wanted first', (accept, expected) => {
    expect(acceptedChallenges(all, accept)).toEqual(expected);
  });

  it('of other schemes are left, at the end', () => {
    expect(acceptedChallenges(['Bearer realm="x"', ...all], 'impuls/charge')).toEqual([
      charge,
      'Bearer realm="x"',
    ]);
  });

  it.each(['lightning/charge', '*/*;q=0', 'nonsense', ''])('are all of them for %j', (accept) => {
    expect(acceptedChallenges(all, accept)).toEqual(all);
  });
});
