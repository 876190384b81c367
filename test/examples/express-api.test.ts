import { afterAll, beforeAll, expect, it } from 'vitest';
import { expectValid } from '../support/validating.js';
import { runServer, type Running } from './running.js';

let api: Running;
beforeAll(async () => {
  api = await runServer('express-api/main.mjs');
});
afterAll(async () => expect(await api.stop()).toBe(0));

it('sells words counted, streams, and nothing where there is an error', async () => {
  const headers = { 'content-type': 'text/plain' };
  const count = (body: string): Promise<Response> =>
    api.pay(`${api.origin}/count`, { method: 'POST', headers, body });
  expect(await (await count('to be or not to be')).json()).toEqual({ to: 2, be: 2, or: 1, not: 1 });
  const refused = await count('…');
  expect([refused.status, await refused.json()]).toEqual([422, { error: 'there are no words in it' }]);
  expect(await (await api.pay(`${api.origin}/slowly?text=a+b`)).text()).toBe('a\nb\n');
  expect(api.left()).toBe(96);
});

it('is a vendor as validators expect one', () => expectValid(api.origin, 1));
