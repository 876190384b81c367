import { afterAll, beforeAll, expect, it } from 'vitest';
import { paymentOf } from '../../src/client/index.js';
import { startCompletions, type Completions } from '../support/completions.js';
import { openStage, type ProxyStage } from './stage.js';

let upstream: Completions;
let stage: ProxyStage;
const path = '/v1/chat/completions';

beforeAll(async () => {
  upstream = await startCompletions({ words: 20, promptTokens: 10 });
  const routes = [
    { path, method: 'POST', tokens: { input: 100, output: 500 } },
    { path: '/gone', method: 'POST', tokens: { input: 1, output: 1 }, upstream: 'http://127.0.0.1:9' },
  ];
  stage = await openStage(upstream.origin, { routes });
});
afterAll(async () => {
  await stage.close();
  await upstream.close();
});

const ask = (more: object, to = path): Promise<Response> =>
  stage.pay(stage.origin + to, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({
      model: 'parrot',
      messages: [{ role: 'user', content: 'hello' }],
      max_tokens: 40,
      ...more,
    }),
  });

it('charges a chat completion for the tokens that it used', async () => {
  const before = await stage.spent();
  const response = await ask({});
  expect(response.status).toBe(200);
  // 10 tokens at 0.1, and 20 at 0.5.
  expect(paymentOf(response)).toMatchObject({ units: 11 });
  expect(await response.json()).toMatchObject({ usage: { completion_tokens: 20 } });
  expect((await stage.spent()) - before).toBe(11);
});

it('charges a streamed one likewise', async () => {
  const response = await ask({ stream: true, max_tokens: 4 });
  expect(paymentOf(response)).toMatchObject({ units: 3 });
  expect(await response.text()).toContain('data: [DONE]');
});

it('charges nothing where the upstream does not answer', async () => {
  const before = await stage.spent();
  expect((await ask({}, '/gone')).status).toBe(502);
  expect(await stage.spent()).toBe(before);
});

it('says in the list of the API what the price depends on', async () => {
  const text = await (await fetch(`${stage.origin}/openapi.json`)).text();
  expect(text).toContain('100 units for 1,000 tokens read, 500 for 1,000 written');
});
