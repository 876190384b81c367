import OpenAI from 'openai';
import { afterEach, describe, expect, it } from 'vitest';
import { createMeteredFetch } from '../../src/client/metered-stream.js';
import type { PaidHandler } from '../../src/server/index.js';
import {
  createTokenMeter,
  createTokenPricer,
  readCompletionRequest,
} from '../../src/server/metering/index.js';
import { utf8 } from '../../src/core/bytes.js';
import { startCompletions, type Completions, type CompletionsOptions } from '../support/completions.js';
import { createMeterWorld, origin, settle, type MeterWorld } from './world.js';

/** 1 unit for 10 tokens that are read, and for 2 that are written. */
const prices = { input: 100, output: 500, maxOutputTokens: 30 };

let upstream: Completions;
afterEach(() => upstream.close());

async function startVendor(options: CompletionsOptions = {}): Promise<MeterWorld> {
  upstream = await startCompletions(options);
  const tokens = createTokenMeter(prices);
  const handler: PaidHandler = async (request, payment) => {
    const call = tokens.prepare(
      new Uint8Array(await request.arrayBuffer()),
      request.headers.has('Impuls-Meter'),
    );
    const answer = await fetch(`${upstream.origin}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: call.body as BodyInit,
    });
    return call.respond(answer, payment);
  };
  return createMeterWorld({ '/v1/chat/completions': { ...tokens.route, handler } });
}

const ask = {
  model: 'parrot',
  messages: [{ role: 'user' as const, content: 'Say something.' }],
};

const spent = async ({ vendor }: MeterWorld): Promise<number> => (await vendor.totals()).spent;

describe('an API of chat completions, sold by the token to the client of OpenAI', () => {
  const clientOf = (fetch: typeof globalThis.fetch): OpenAI =>
    new OpenAI({ apiKey: 'none', baseURL: `${origin}/v1`, fetch, maxRetries: 0 });

  /** Its key would be an Authorization of its own. */
  const keyless =
    (pay: (input: string | URL | Request, init?: RequestInit) => Promise<Response>): typeof fetch =>
    (input, init) => {
      const headers = new Headers(init?.headers);
      headers.delete('Authorization');
      return pay(input, { ...init, headers });
    };

  it('costs what its usage says, of what was reserved', async () => {
    const world = await startVendor();
    const wallet = await world.wallet();
    const client = clientOf(keyless(world.paying(wallet)));
    const answer = await client.chat.completions.create({ ...ask, max_completion_tokens: 12 });
    expect(answer.usage).toMatchObject({ prompt_tokens: 10, completion_tokens: 12 });
    expect(await spent(world)).toBe(7);
    expect(wallet.history()).toMatchObject([{ units: 7 }]);
    // Nobody gets more than was reserved.
    await client.chat.completions.create(ask);
    expect(upstream.asked.at(-1)).toMatchObject({ max_tokens: 30 });
  });

  it('streams as it is paid, and costs what its usage says', async () => {
    const world = await startVendor();
    const wallet = await world.wallet();
    const client = clientOf(keyless(createMeteredFetch(world.paying(wallet), { max: 50, step: 2 })));
    const chunks = await client.chat.completions.create({ ...ask, stream: true });
    let text = '';
    for await (const chunk of chunks) text += chunk.choices[0]?.delta.content ?? '';
    await world.advance(0);
    expect(text).toBe('word '.repeat(20));
    expect(await spent(world)).toBe(11);
    expect(wallet.cards()).toMatchObject([{ left: 89, reserved: 0 }]);
    expect(upstream.asked.at(-1)).toMatchObject({ stream_options: { include_usage: true } });
  });

  it('ends like a text that is as long as it may be when no more is paid', async () => {
    const world = await startVendor({ words: 500 });
    upstream.pace = () => new Promise((resolve) => setImmediate(resolve));
    const wallet = await world.wallet();
    const client = clientOf(keyless(createMeteredFetch(world.paying(wallet), { max: 6, step: 2 })));
    const chunks = await client.chat.completions.create({ ...ask, stream: true, max_completion_tokens: 500 });
    let words = 0;
    let reason: string | null | undefined;
    const reading = (async () => {
      for await (const { choices } of chunks) {
        if (choices[0]?.delta.content) words++;
        reason = choices[0]?.finish_reason ?? reason;
      }
    })();
    for (let turn = 0; turn < 40; turn++) await settle();
    await world.advance(10_000);
    await reading;
    expect(reason).toBe('length');
    expect(await spent(world)).toBe(6);
    expect(words).toBeLessThanOrEqual(12);
    expect(words).toBeGreaterThan(8);
  });

  it('is whole before it begins for a client that cannot top up, and costs the same', async () => {
    const world = await startVendor();
    const wallet = await world.wallet();
    const client = clientOf(keyless(world.paying(wallet)));
    const chunks = await client.chat.completions.create({
      ...ask,
      stream: true,
      stream_options: { include_usage: true },
    });
    let words = 0;
    let usage: unknown;
    for await (const chunk of chunks) {
      if (chunk.choices[0]?.delta.content) words++;
      usage = chunk.usage ?? usage;
    }
    expect(words).toBe(20);
    expect(usage).toMatchObject({ completion_tokens: 20 });
    expect(await spent(world)).toBe(11);
  });

  it('costs nothing where the upstream fails, and nothing is asked of it for a body that is none', async () => {
    const world = await startVendor({ status: 503 });
    const wallet = await world.wallet();
    const pay = world.paying(wallet);
    const client = clientOf(keyless(createMeteredFetch(pay, { max: 50 })));
    await expect(client.chat.completions.create(ask)).rejects.toMatchObject({ status: 503 });
    await expect(client.chat.completions.create({ ...ask, stream: true })).rejects.toMatchObject({
      status: 503,
    });
    const response = await pay(`${origin}/v1/chat/completions`, { method: 'POST', body: '[1]' });
    expect(response.status).toBe(400);
    expect(upstream.asked).toHaveLength(2);
    expect(await spent(world)).toBe(0);
    expect(wallet.cards()).toMatchObject([{ left: 100, reserved: 0 }]);
  });
});

describe('the price of tokens', () => {
  it('is rounded up to whole units, at least the minimum, and not for the dust of fractions', async () => {
    upstream = await startCompletions();
    const pricer = createTokenPricer({ input: 0.1, output: 0.7, minimum: 2 });
    expect(pricer.cost({ input: 0, output: 0 })).toBe(2);
    expect(pricer.cost({ input: 30_000, output: 0 })).toBe(3);
    expect(pricer.cost({ input: 30_001, output: 0 })).toBe(4);
    expect(pricer.cost({ input: 10_000, output: 10_000 })).toBe(8);
    for (const wrong of [{ input: -1 }, { output: NaN }, { minimum: 0 }, { maxOutputTokens: 1.5 }]) {
      expect(() => createTokenPricer({ input: 1, output: 1, ...wrong })).toThrow('not negative');
    }
  });

  it('is refused for a request that has none', async () => {
    upstream = await startCompletions();
    const bodies = ['', '[]', 'null', '{}', '{"messages":[],"max_tokens":-1}', '{"prompt":"x","n":0}'];
    for (const body of bodies) expect(() => readCompletionRequest(utf8(body))).toThrow(/body|tokens/);
    expect(readCompletionRequest(utf8('{"messages":[],"n":2,"max_completion_tokens":5}'))).toMatchObject({
      stream: false,
      maxOutputTokens: 10,
    });
  });
});
