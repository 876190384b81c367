import { describe, expect, it } from 'vitest';
import type { McpError } from '@modelcontextprotocol/sdk/types.js';
import { paymentOfResult } from '../../src/adapters/mcp/index.js';
import { origin } from '../client-fixture.js';
import { createToolWorld } from './mcp-world.js';

const textOf = (result: { content: unknown[] }): string => (result.content[0] as { text: string }).text;

describe.each(['chain', 'stream'] as const)('a tool that is paid for with a %s card', (protocol) => {
  it('asks first, is paid in one message from then on, and gives a receipt', async () => {
    const world = await createToolWorld();
    const agent = await world.agent(protocol);
    const result = await agent.callTool({ name: 'echo', arguments: { word: 'hello' } });
    expect(textOf(result)).toBe('hello for 3');
    expect(paymentOfResult(result)).toMatchObject({
      units: 3,
      url: `${origin}/impuls/tools/echo`,
      remaining: 97,
    });
    world.sent.length = 0;
    await agent.callTool({ name: 'echo', arguments: { word: 'again' } });
    expect(world.sent).toHaveLength(2);
    expect((await world.vendor.totals()).spent).toBe(6);
    expect(agent.wallet.cards()).toMatchObject([{ left: 94, reserved: 0 }]);
  });

  it('is not charged for what fails: an error, a throw, wrong arguments, a wrong result', async () => {
    const world = await createToolWorld();
    const agent = await world.agent(protocol);
    const failing = [
      { name: 'moody', arguments: { word: 'fail' } },
      { name: 'moody', arguments: { word: 'throw' } },
      { name: 'moody', arguments: { word: 1 } },
      { name: 'count', arguments: { items: ['wrong'] } },
    ];
    for (const params of failing) {
      const result = await agent.callTool(params);
      expect(result.isError).toBe(true);
      expect(paymentOfResult(result)).toBeUndefined();
    }
    expect(world.runs).toEqual(['moody fail', 'moody throw', 'count']);
    expect((await world.vendor.totals()).spent).toBe(0);
    expect(agent.wallet.cards()).toMatchObject([{ left: 100, reserved: 0 }]);
  });

  it('is charged what it captured, and what its price says of the arguments as they were sent', async () => {
    const world = await createToolWorld();
    const agent = await world.agent(protocol);
    expect(paymentOfResult(await agent.callTool({ name: 'metered' }))).toMatchObject({ units: 4 });
    const counted = await agent.callTool({
      name: 'count',
      arguments: { items: ['a', 'b'], more: { z: 1, a: 2 } },
    });
    expect(counted.structuredContent).toEqual({ length: 2 });
    expect(paymentOfResult(counted)).toMatchObject({ units: 3 });
    expect(paymentOfResult(await agent.callTool({ name: 'count' }))).toMatchObject({ units: 1 });
  });

  it('answers a sealed call so that only the payer reads it', async () => {
    const world = await createToolWorld();
    const agent = await world.agent(protocol, { seal: 'prefer' });
    const result = await agent.callTool({ name: 'echo', arguments: { word: 'whisper' } });
    expect(textOf(result)).toBe('whisper for 3');
    const answered = world.sent.filter((message) => 'result' in message);
    expect(JSON.stringify(answered)).not.toContain('whisper');
  });

  it('is charged once when the answer is lost, and says again what it said', async () => {
    const world = await createToolWorld();
    const agent = await world.agent(protocol);
    let lost = 0;
    world.line = (message, to, deliver) => {
      const isResult = to === 'client' && 'result' in message;
      if (isResult && lost++ < 2) agent.cut();
      else deliver();
    };
    const result = await agent.callTool({ name: 'echo', arguments: { word: 'once' } });
    expect(textOf(result)).toBe('once for 3');
    expect(paymentOfResult(result)).toMatchObject({ verdict: 'repeated' });
    expect(world.runs).toEqual(['echo once']);
    expect((await world.vendor.totals()).spent).toBe(3);
  });
});

describe('a client that pays for tools', () => {
  it('passes on what costs nothing, and errors that ask for no payment', async () => {
    const world = await createToolWorld();
    const agent = await world.agent('chain');
    expect(textOf(await agent.callTool({ name: 'free', arguments: { word: 'air' } }))).toBe('air');
    expect(textOf(await agent.callTool({ name: 'no such tool' }))).toContain('not found');
    expect(agent.wallet.history()).toEqual([]);
  });

  it('pays nothing beyond its limits, nor a vendor that it may not pay', async () => {
    const world = await createToolWorld();
    const mean = await world.agent('chain', { limits: { perRequest: 2, total: 100 } });
    const call = { name: 'echo', arguments: { word: 'dear' } };
    await expect(mean.callTool(call)).rejects.toMatchObject({ code: 'limit-exceeded' });
    const loyal = await world.agent('chain', {
      limits: { perRequest: 9, total: 100, vendors: ['https://other.example'] },
    });
    await expect(loyal.callTool(call)).rejects.toMatchObject({ code: 'limit-exceeded' });
    expect(world.runs).toEqual([]);
  });

  it('learns over HTTP what became of a call whose answer never came', async () => {
    const world = await createToolWorld();
    const agent = await world.agent('stream', { retry: { attempts: 1 } });
    const call = (word: string) => agent.callTool({ name: 'echo', arguments: { word } });
    await call('price');
    // It reached the server, and the answer was lost.
    world.line = (_, to, deliver) => {
      if (to === 'server') deliver();
      else agent.cut();
    };
    await expect(call('answered')).rejects.toMatchObject({ code: 'unsettled' });
    // It never did.
    world.line = () => {};
    const cut = agent.callTool({ name: 'echo', arguments: { word: 'unheard' } }, { timeout: 1 });
    await expect(cut).rejects.toMatchObject({ code: 'unsettled' });
    const { claims } = await agent.wallet.recover();
    expect(claims.map(({ result, charged }) => [result, charged])).toEqual([
      ['settled', 3],
      ['freed', 0],
    ]);
    expect(world.runs).toEqual(['echo price', 'echo answered']);
    expect((await world.vendor.totals()).spent).toBe(6);
    expect(agent.wallet.cards()).toMatchObject([{ left: 94, reserved: 0 }]);
  });

  it('is told that it was charged where the result was too long to be kept', async () => {
    const world = await createToolWorld();
    const agent = await world.agent('chain');
    await agent.callTool({ name: 'long' });
    let lost = false;
    world.line = (_, to, deliver) => {
      if (to === 'server' || lost) {
        deliver();
        return;
      }
      lost = true;
      agent.cut();
    };
    await expect(agent.callTool({ name: 'long' })).rejects.toMatchObject({ code: 'already-served' });
    expect(agent.wallet.history()).toHaveLength(2);
  });
});

describe('what a server of tools says', () => {
  it('is the price, in its list and in the error of a call without a payment', async () => {
    const world = await createToolWorld();
    const client = await world.connect();
    const { tools } = await client.listTools();
    expect(Object.fromEntries(tools.map(({ name, _meta }) => [name, _meta]))).toMatchObject({
      echo: { 'impuls/vendor': origin, 'impuls/units': 3 },
      count: { 'impuls/vendor': origin, 'impuls/units': null },
    });
    const error = (await client
      .callTool({ name: 'echo', arguments: { word: 'x' } })
      .catch((error: unknown) => error)) as McpError;
    expect(error.code).toBe(-32042);
    expect(error.data).toMatchObject({
      httpStatus: 402,
      'impuls/vendor': origin,
      problem: { type: 'https://paymentauth.org/problems/payment-required', status: 402 },
      challenges: [
        {
          method: 'impuls',
          intent: 'session',
          realm: 'news.example',
          request: { amount: '3', currency: 'unit' },
        },
        { method: 'impuls', intent: 'charge' },
      ],
    });
  });

  it('is a refusal for whatever stands in the place of a credential', async () => {
    const world = await createToolWorld();
    const client = await world.connect();
    const wrong = [
      null,
      1,
      'x',
      [],
      {},
      { challenge: {} },
      { challenge: { request: 'x' } },
      { challenge: { request: {} }, payload: {} },
    ];
    for (const credential of wrong) {
      const _meta = { 'org.paymentauth/credential': credential };
      const call = client.callTool({ name: 'echo', arguments: { word: 'x' }, _meta });
      await expect(call, JSON.stringify(credential)).rejects.toMatchObject({ data: { httpStatus: 402 } });
    }
    expect(world.runs).toEqual([]);
    expect(world.errors).toEqual([]);
  });

  it('is not changed over HTTP: there a claim is only asked for', async () => {
    const world = await createToolWorld();
    const response = await world.fetch(`${origin}/impuls/tools/echo`, { method: 'POST', body: '{}' });
    expect(response.status).toBe(404);
  });
});
