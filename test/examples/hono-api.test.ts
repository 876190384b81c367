import { afterAll, beforeAll, expect, it } from 'vitest';
import { paymentOf } from '../../src/client/index.js';
import { expectValid } from '../support/validating.js';
import { runServer, type Running } from './running.js';

let api: Running;
beforeAll(async () => {
  api = await runServer('hono-api/main.mjs');
});
afterAll(async () => expect(await api.stop()).toBe(0));

it('sells a day for two units, moments for one each, and mistakes for nothing', async () => {
  const day = await api.pay(`${api.origin}/tides/2027-03-01`);
  expect(paymentOf(day)?.units).toBe(2);
  expect(((await day.json()) as { metres: number[] }).metres).toHaveLength(24);
  expect((await api.pay(`${api.origin}/tides/tomorrow`)).status).toBe(400);
  const moments = ['2027-03-01T12:00Z', '2027-03-01T18:00Z', '2027-03-02T00:00Z'];
  const asked = await api.pay(`${api.origin}/moments`, { method: 'POST', body: JSON.stringify(moments) });
  expect(await asked.json()).toMatchObject({ paid: 3 });
  expect(api.left()).toBe(95);
});

it('is a vendor as validators expect one', () => expectValid(api.origin, 1));
