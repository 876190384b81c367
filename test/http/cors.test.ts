import { afterEach, describe, expect, it } from 'vitest';
import { ImpulsError } from '../../src/core/errors.js';
import { createMemoryLedger, type Ledger } from '../../src/server/index.js';
import { activationOf, buyCard, challengesOf, claimOf, type HandCard } from '../support/card.js';
import { hosts, type Host, type TestRoute } from '../support/hosts.js';
import type { TestVendorOptions } from '../support/vendor.js';

const open: Host[] = [];
afterEach(async () => {
  for (const host of open.splice(0)) await host.close();
});

const origin = 'https://reader.example';

describe.each(hosts)('a page of another origin, and a vendor behind $name', ({ start }) => {
  let served = 0;

  async function openShop(options: TestVendorOptions = {}): Promise<Host> {
    served = 0;
    const answer: TestRoute['answer'] = () => ({ status: [200, 404, 302][served++ % 3]!, body: ['text'] });
    const host = await start(
      {
        '/a': { price: 1, headers: ['X-Edition'], answer },
        '/done': { price: 1, answer: () => ({ status: 201, body: ['made'] }) },
      },
      options,
    );
    open.push(host);
    return host;
  }

  async function activeCard(host: Host): Promise<HandCard> {
    const post = (path: string, body: unknown) =>
      host.request(path, { method: 'POST', body: JSON.stringify(body) });
    const [code] = await host.vendor.createVouchers([{ denomination: 100, count: 1 }], 1);
    const hand = await buyCard(post, host.vendor.document, code!, { protocol: 'chain' }, 100);
    await post('/impuls/activate', await activationOf(hand, host.vendor.digest));
    return hand;
  }

  const preflight = (host: Host, path: string, method = 'GET'): Promise<Response> =>
    host.request(path, {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': method },
    });

  const allowed = (response: Response): string | null => response.headers.get('access-control-allow-origin');

  it('may ask before it calls, whatever it is going to call, and nothing else happens', async () => {
    const host = await openShop();
    for (const path of [
      '/.well-known/impuls',
      '/openapi.json',
      '/impuls/activate',
      '/impuls/state',
      '/a',
      '/done',
    ]) {
      const response = await preflight(host, path, 'POST');
      expect(response.status).toBe(204);
      expect(allowed(response)).toBe('*');
      expect(response.headers.get('access-control-allow-methods')).toContain('POST');
      const names = response.headers.get('access-control-allow-headers')!.split(', ');
      expect(names).toEqual(
        expect.arrayContaining(['Authorization', 'Content-Type', 'Accept-Payment', 'Idempotency-Key']),
      );
      expect(names.includes('x-edition')).toBe(path === '/a');
      expect(response.headers.get('access-control-max-age')).toBe('7200');
      expect(response.headers.has('www-authenticate')).toBe(false);
      expect(await response.text()).toBe('');
    }
    expect((await preflight(host, '/elsewhere')).status).toBe(404);
    expect(served).toBe(0);
  });

  it('may read every answer and every header that a wallet reads', async () => {
    const host = await openShop();
    const hand = await activeCard(host);
    const headers = { origin };
    const responses = [
      await host.request('/.well-known/impuls', { headers }),
      await host.request('/openapi.json', { headers }),
      await host.request('/impuls/state', { headers }),
      await host.request('/impuls/state', { method: 'POST', body: '{}', headers }),
      await host.request('/a', { headers }),
      await host.request('/a', { headers: { ...headers, authorization: 'Payment x' } }),
    ];
    expect(responses.map(({ status }) => status)).toEqual([200, 200, 405, 400, 402, 402]);
    const challenge = challengesOf(responses[4]!)[0]!;
    let end = 0;
    const pay = async (method: string, target: string): Promise<void> => {
      const covered = target === '/a' ? [['x-edition', ''] as const] : [];
      const offer = target === '/a' ? challenge : challengesOf(await host.request(target))[0]!;
      const claim = claimOf(hand, offer, { method, target, headers: covered }, { end: ++end, units: 1 });
      for (let i = 0; i < 2; i++) {
        const init = { method, headers: { ...headers, authorization: claim.authorization } };
        const response = await host.request(target, init);
        await response.text();
        responses.push(response);
      }
    };
    // Served, and again with an error; redirected, and served; kept and replayed; returned, and remembered as that.
    await pay('GET', '/a');
    await pay('GET', '/a');
    await pay('POST', '/done');
    expect(responses.slice(6).map(({ status }) => status)).toEqual([200, 404, 302, 200, 201, 201]);
    await pay('GET', '/a');
    expect(responses.slice(12).map(({ status }) => status)).toEqual([404, 409]);
    for (const response of responses) {
      expect(allowed(response)).toBe('*');
      expect(response.headers.get('access-control-expose-headers')!.split(', ')).toEqual([
        'WWW-Authenticate',
        'Payment-Receipt',
        'Impuls-State',
        'Content-Encoding',
        'Retry-After',
        'Date',
        'Impuls-Meter',
      ]);
    }
    expect(host.errors).toEqual([]);
  });

  it('may read that the ledger failed while units were returned, and what to do then', async () => {
    const failure = new ImpulsError('storage-failed', 'the disk is full');
    const ledger: Ledger = { ...createMemoryLedger(), giveBack: () => Promise.reject(failure) };
    const host = await openShop({ ledger });
    const hand = await activeCard(host);
    const [offer] = challengesOf(await host.request('/a'));
    const request = { method: 'GET', target: '/a', headers: [['x-edition', ''] as const] };
    for (let end = 1; end <= 2; end++) {
      const claim = claimOf(hand, offer!, request, { end, units: 1 });
      const response = await host.request('/a', { headers: { origin, authorization: claim.authorization } });
      // The first is served; the second is answered 404, which would return the unit.
      if (end === 1) continue;
      expect(response.status).toBe(503);
      expect(response.headers.get('retry-after')).toBe('1');
      expect(response.headers.get('content-type')).toBe('application/problem+json');
      expect(response.headers.has('impuls-state')).toBe(false);
      expect(allowed(response)).toBe('*');
      expect(await response.json()).toMatchObject({ status: 503, title: 'The ledger cannot answer' });
    }
    expect(host.errors).toEqual([failure]);
  });

  it('is not spoken to where nobody asked, or where the host does it itself', async () => {
    const shared = await openShop();
    expect(allowed(await shared.request('/a'))).toBeNull();
    expect(allowed(await shared.request('/.well-known/impuls'))).toBeNull();
    const silent = await openShop({ cors: 'none' });
    for (const path of ['/a', '/.well-known/impuls']) {
      expect(allowed(await silent.request(path, { headers: { origin } }))).toBeNull();
      expect((await preflight(silent, path)).status).not.toBe(204);
    }
  });
});
