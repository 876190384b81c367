import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatChallenge } from '../core/wire/challenge.js';
import { encodeRequest } from '../core/wire/request.js';
import { createOfferCache, readOffer } from './challenges.js';

const request = (amount: string) =>
  encodeRequest({
    amount,
    currency: 'unit',
    methodDetails: { document: 'A'.repeat(43), unit: { currency: 'USD', value: '0.001' }, version: 1 },
  });

const challenge = (changed: object = {}) =>
  formatChallenge({
    id: 'id',
    realm: 'news.example',
    method: 'impuls',
    intent: 'session',
    request: request('3'),
    expires: '2026-11-22T13:00:00Z',
    ...changed,
  });

const url = new URL('https://news.example/a?b');

describe('the offer of a 402', () => {
  it('is that of intent session, wherever it stands', () => {
    const header = `Basic realm="x", ${challenge({ intent: 'charge', request: request('2') })}, ${challenge()}`;
    expect(readOffer(header, 'news.example')).toMatchObject({ units: 3, challenge: { intent: 'session' } });
    expect(readOffer(challenge({ intent: 'charge' }), 'news.example')).toMatchObject({ units: 3 });
  });

  it('is none where it is for another method, of another host, or unreadable', () => {
    for (const header of [
      null,
      '',
      'Basic realm="x"',
      'Payment id=',
      challenge({ method: 'tempo' }),
      challenge({ realm: 'evil.example' }),
      challenge({ expires: undefined }),
      challenge({ expires: 'soon' }),
      challenge({ request: 'e30' }),
      challenge({ intent: 'gift' }),
    ]) {
      expect(readOffer(header, 'news.example')).toBeUndefined();
    }
  });

  it('raises nothing, whatever the header is', () => {
    fc.assert(fc.property(fc.string(), (header) => void readOffer(`Payment ${header}`, 'news.example')));
  });
});

describe('the cache of offers', () => {
  const offer = readOffer(challenge(), 'news.example')!;

  it('shows an offer with its own card and route only, until shortly before it expires', () => {
    const cache = createOfferCache();
    cache.put('card', 'GET', url, offer);
    const early = offer.expires - 60;
    expect(cache.get('card', 'GET', new URL('https://news.example/a?other'), early)).toBe(offer);
    expect(cache.get('other', 'GET', url, early)).toBeUndefined();
    expect(cache.get('card', 'POST', url, early)).toBeUndefined();
    expect(cache.get('card', 'GET', new URL('https://news.example/c'), early)).toBeUndefined();
    expect(cache.get('card', 'GET', url, offer.expires - 5)).toBeUndefined();
    expect(cache.get('card', 'GET', url, early)).toBeUndefined();
  });

  it('keeps no offer that is good for one claim', () => {
    const cache = createOfferCache();
    cache.put('card', 'GET', url, { ...offer, challenge: { ...offer.challenge, intent: 'charge' } });
    expect(cache.get('card', 'GET', url, 0)).toBeUndefined();
  });

  it('forgets the one unused for longest', () => {
    const cache = createOfferCache();
    for (let i = 0; i < 300; i++) {
      cache.put(`${i}`, 'GET', url, offer);
      cache.get('0', 'GET', url, 0);
    }
    expect(cache.get('0', 'GET', url, 0)).toBe(offer);
    expect(cache.get('1', 'GET', url, 0)).toBeUndefined();
    expect(cache.get('299', 'GET', url, 0)).toBe(offer);
  });
});
