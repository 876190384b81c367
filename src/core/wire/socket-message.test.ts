import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isImpulsError } from '../errors.js';
import {
  formatSocketAnswer,
  formatSocketRequest,
  isReserved,
  maxSocketMessage,
  parseSocketAnswer,
  parseSocketRequest,
} from './socket-message.js';

const request = { id: 7, method: 'GET', target: '/live?a=b', headers: { authorization: 'Payment x' } };
const answer = { id: null, status: 402, headers: { 'www-authenticate': 'Payment y' }, body: '{}' };

describe('messages about payments in a socket', () => {
  it('are read as they were written, and are reserved', () => {
    expect(parseSocketRequest(formatSocketRequest(request))).toEqual(request);
    expect(parseSocketAnswer(formatSocketAnswer(answer))).toEqual(answer);
    expect(isReserved(formatSocketRequest(request))).toBe(true);
    expect(isReserved(formatSocketAnswer(answer))).toBe(true);
  });

  it('carry no other headers than those that are listed', () => {
    const headers = { ...request.headers, cookie: 'a=b' };
    expect(formatSocketRequest({ ...request, headers })).not.toContain('cookie');
    const text = JSON.stringify({ impuls: 'request', ...request, headers });
    expect(parseSocketRequest(text)).toEqual(request);
  });

  it.each([
    [{ id: 2 ** 32 }],
    [{ id: 0.5 }],
    [{ id: null }],
    [{ method: 1 }],
    [{ target: 'https://a.example/' }],
    [{ headers: [] }],
    [{ headers: { authorization: 'a\r\nb' } }],
    [{ impuls: 'answer' }],
  ])('do not pass with %j', (wrong) => {
    const text = JSON.stringify({ impuls: 'request', ...request, ...wrong });
    expect(() => parseSocketRequest(text)).toThrow();
  });

  it('are refused when they are too long', () => {
    expect(() => parseSocketAnswer(' '.repeat(maxSocketMessage + 1))).toThrow('too long');
  });

  it('raise only an ImpulsError, whatever they hold', () => {
    const parsers = [parseSocketRequest, parseSocketAnswer];
    const text = fc.oneof(
      fc.string(),
      fc.json(),
      fc.json().map((json) => `{"impuls":"request","id":${json}}`),
    );
    fc.assert(
      fc.property(text, fc.constantFrom(...parsers), (text, parse) => {
        try {
          parse(text);
        } catch (error) {
          expect(isImpulsError(error)).toBe(true);
        }
      }),
    );
  });
});
