import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ImpulsError } from '../errors.js';
import { formatProblem, parseProblem, problemOfError, problems, type ProblemCode } from './problem.js';

const codes = Object.keys(problems) as ProblemCode[];

describe('problem documents', () => {
  it('have a type of their own each, by which they are recognised', () => {
    for (const code of codes) {
      const { type, title, status } = problems[code];
      expect(parseProblem(formatProblem(code, 'so it is'))).toMatchObject({
        code,
        type,
        title,
        status,
        detail: 'so it is',
      });
    }
    expect(new Set(codes.map((code) => problems[code].type)).size).toBe(codes.length);
  });

  it('of the scheme are under paymentauth.org, and every 402 is one of them', () => {
    for (const code of codes) {
      const { type, status } = problems[code];
      expect(type.startsWith('https://paymentauth.org/problems/')).toBe(
        status === 402 || code === 'method-unsupported',
      );
      expect(type.endsWith(code)).toBe(true);
    }
  });

  it('are JSON with the standard members first', () => {
    expect(formatProblem('payment-required')).toBe(
      '{"type":"https://paymentauth.org/problems/payment-required","title":"Payment required","status":402}',
    );
    expect(formatProblem('throttled', 'Wait.', { retryAfter: 60 })).toBe(
      '{"type":"urn:impuls:problem:throttled","title":"Too many attempts","status":429,"detail":"Wait.","retryAfter":60}',
    );
  });

  it('cannot have their standard members replaced', () => {
    const text = formatProblem('forbidden', undefined, { status: 200, type: 'x', detail: 'y', more: [1] });
    expect(parseProblem(text)).toMatchObject({
      code: 'forbidden',
      status: 403,
      detail: undefined,
      members: { more: [1] },
    });
  });

  it('of others are read as far as they go', () => {
    expect(parseProblem('{}')).toEqual({ type: 'about:blank', members: {} });
    expect(parseProblem('{"type":"urn:x","title":7,"status":"402","detail":null}')).toMatchObject({
      code: undefined,
      type: 'urn:x',
      title: undefined,
      status: undefined,
      detail: undefined,
    });
  });

  it('are the answer to an error of the vendor, unless it is none of the client’s business', () => {
    expect(problemOfError('order-unknown')).toBe('order-unknown');
    expect(problemOfError('too-large')).toBe('body-too-large');
    expect(problemOfError('storage-corrupt')).toBeNull();
  });

  it('raise only their own error', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.json()), (text) => {
        try {
          parseProblem(text);
        } catch (error) {
          expect(error).toBeInstanceOf(ImpulsError);
        }
      }),
    );
    expect(() => parseProblem(' '.repeat(65_537))).toThrow(ImpulsError);
  });
});
