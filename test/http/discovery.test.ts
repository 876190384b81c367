import { afterEach, describe, expect, it } from 'vitest';
import { hosts, type Host, type TestRoute } from '../support/hosts.js';
import { challengesOf } from '../support/card.js';

const open: Host[] = [];
afterEach(async () => {
  for (const host of open.splice(0)) await host.close();
});

const answer: TestRoute['answer'] = () => ({ body: ['text'] });

async function openShop(routes: Readonly<Record<string, TestRoute>>): Promise<Host> {
  // Through Fetch objects: no socket is of interest here.
  const host = await hosts.find(({ name }) => name === 'Fetch')!.start(routes);
  open.push(host);
  return host;
}

describe('a client that says what it can pay with', () => {
  const intentsFor = async (host: Host, headers: Record<string, string>): Promise<string[]> => {
    const response = await host.request('/a', { headers });
    expect(response.status).toBe(402);
    return challengesOf(response).map(({ method, intent }) => `${method}/${intent}`);
  };

  it('is offered that, whatever it sent besides', async () => {
    const host = await openShop({ '/a': { price: 1, answer } });
    const session = 'impuls/session';
    const charge = 'impuls/charge';
    expect(await intentsFor(host, {})).toEqual([session, charge]);
    expect(await intentsFor(host, { 'accept-payment': charge })).toEqual([charge]);
    const weighed = { 'accept-payment': 'impuls/charge, */*;q=0.1' };
    expect(await intentsFor(host, weighed)).toEqual([charge, session]);
    const garbage = { 'accept-payment': session, authorization: 'Payment garbage' };
    expect(await intentsFor(host, garbage)).toEqual([session]);
    expect(await intentsFor(host, { 'accept-payment': 'tempo/charge' })).toEqual([session, charge]);
  });
});
