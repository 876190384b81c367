import { describe, expect, it } from 'vitest';
import { openMeteredStream } from '../../src/client/metered-stream.js';
import type { PaidHandler } from '../../src/server/index.js';
import { createMeterWorld, settle, type MeterWorld } from './world.js';

/** So many numbers, a unit each. */
const numbers =
  (count: number): PaidHandler =>
  (_, payment) => {
    const meter = payment.meter();
    let next = 0;
    return new Response(
      new ReadableStream<Uint8Array>(
        {
          async pull(controller) {
            if (next < count && (await meter.use(1))) {
              controller.enqueue(new TextEncoder().encode(`${next++}\n`));
              return;
            }
            meter.end();
            controller.close();
          },
          cancel: () => meter.pause(),
        },
        { highWaterMark: 0 },
      ),
    );
  };

const spent = async ({ vendor }: MeterWorld): Promise<number> => (await vendor.totals()).spent;
const url = 'https://news.example/numbers';

describe.each(['chain', 'stream'] as const)('a metered stream paid with %s', (protocol) => {
  it('goes on while claims keep coming, and costs what was used', async () => {
    const world = await createMeterWorld({ '/numbers': { price: 1, handler: numbers(23) } });
    const wallet = await world.wallet(protocol);
    const told: number[] = [];
    const stream = await openMeteredStream(world.paying(wallet), url, {
      max: 60,
      step: 5,
      onUnits: (units) => told.push(units),
    });
    expect((await stream.response.text()).split('\n')).toHaveLength(24);
    expect(await stream.ended).toEqual({ units: 23, reason: 'finished' });
    expect(await spent(world)).toBe(23);
    expect(wallet.cards()).toMatchObject([{ left: 77, reserved: 0 }]);
    expect(told.at(-1)).toBe(23);
    expect(world.errors).toEqual([]);
    // Only the opening asked for the price.
    expect(world.arrived.filter((line) => line.endsWith('/numbers'))).toHaveLength(2);
  });

  it('ends in good order when its limit is reached, and says so', async () => {
    const world = await createMeterWorld({ '/numbers': { price: 1, handler: numbers(1000) } });
    const wallet = await world.wallet(protocol);
    const stream = await openMeteredStream(world.paying(wallet), url, { max: 12, step: 5 });
    const text = stream.response.text();
    await world.advance(10_000);
    expect((await text).split('\n')).toHaveLength(13);
    expect(await stream.ended).toEqual({ units: 12, reason: 'unpaid' });
    expect(await spent(world)).toBe(12);
  });

  it('ends when the card is empty, to its last unit', async () => {
    const world = await createMeterWorld({ '/numbers': { price: 1, handler: numbers(1000) } });
    const wallet = await world.wallet(protocol);
    const stream = await openMeteredStream(world.paying(wallet), url, { max: 500, step: 7 });
    const text = stream.response.text();
    await world.advance(30_000);
    expect((await text).split('\n')).toHaveLength(101);
    expect(await stream.ended).toMatchObject({ units: 100, reason: 'unpaid', error: { code: 'no-card' } });
    expect(await spent(world)).toBe(100);
  });

  it('gives back what is not used when the reader lets go', async () => {
    const world = await createMeterWorld({ '/numbers': { price: 1, handler: numbers(1000) } });
    const wallet = await world.wallet(protocol);
    const stream = await openMeteredStream(world.paying(wallet), url, { max: 50, step: 10 });
    const reader = stream.response.body!.getReader();
    for (let i = 0; i < 4; i++) await reader.read();
    await reader.cancel();
    const { units, reason } = await stream.ended;
    expect(reason).toBe('left');
    expect(units).toBe(await spent(world));
    expect(units).toBeLessThanOrEqual(6);
    expect(wallet.cards()).toMatchObject([{ left: 100 - units, reserved: 0 }]);
  });

  it('goes on where the line was cut, by the same meter', async () => {
    const world = await createMeterWorld({ '/numbers': { price: 1, handler: numbers(8) } });
    const wallet = await world.wallet(protocol);
    const stream = await openMeteredStream(world.paying(wallet), url, { max: 50, step: 3 });
    const reader = stream.response.body!.getReader();
    await reader.read();
    world.cut();
    await expect(reader.read()).rejects.toThrow('terminated');
    await settle();
    const rest = await stream.reopen();
    await rest.text();
    const { units, reason } = await stream.ended;
    expect(reason).toBe('finished');
    expect(units).toBe(await spent(world));
    expect(wallet.cards()).toMatchObject([{ left: 100 - units, reserved: 0 }]);
  });

  it('answers claims that it does not use in time, and goes on with others', async () => {
    let release!: () => void;
    const gate = new Promise<void>((resolve) => (release = resolve));
    const world = await createMeterWorld({
      '/slow': {
        price: 1,
        handler: (_, payment) => {
          const meter = payment.meter();
          return new Response(
            (async function* () {
              await meter.use(3);
              yield new TextEncoder().encode('a');
              await gate;
              await meter.use(4);
              yield new TextEncoder().encode('b');
              meter.end();
            })() as unknown as BodyInit,
          );
        },
      },
    });
    const wallet = await world.wallet(protocol);
    const stream = await openMeteredStream(world.paying(wallet), 'https://news.example/slow', {
      max: 50,
      step: 5,
    });
    const text = stream.response.text();
    await world.advance(35_000);
    release();
    expect(await text).toBe('ab');
    expect(await stream.ended).toEqual({ units: 7, reason: 'finished' });
    expect(await spent(world)).toBe(7);
  });
});
