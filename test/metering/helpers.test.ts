import { describe, expect, it } from 'vitest';
import { meteredEvents } from '../../src/client/metered-events.js';
import { openMeteredStream, type MeteredEnd } from '../../src/client/metered-stream.js';
import { meterBytes, meterEvents, meterSeconds, type MeteredEvent } from '../../src/server/metering/index.js';
import { createMeterWorld, origin, settle, type MeterWorld } from './world.js';

const spent = async ({ vendor }: MeterWorld): Promise<number> => (await vendor.totals()).spent;

describe('events that are metered', () => {
  async function startTicker(count: number) {
    const told = { begun: 0, ended: 0 };
    async function* ticks(): AsyncGenerator<MeteredEvent> {
      told.begun++;
      try {
        for (let tick = 1; tick <= count; tick++) yield { data: `tick ${tick}` };
      } finally {
        told.ended++;
      }
    }
    const world = await createMeterWorld({
      '/ticks': {
        price: 1,
        handler: (request, payment) =>
          meterEvents(payment, ticks, { lastEventId: request.headers.get('Last-Event-ID') }),
      },
    });
    return { world, told };
  }

  it('come once each and are paid once each, however often the line is cut', async () => {
    const { world, told } = await startTicker(30);
    const wallet = await world.wallet();
    const seen: string[] = [];
    let end: MeteredEnd | undefined;
    const events = meteredEvents(world.paying(wallet), `${origin}/ticks`, {
      max: 60,
      step: 4,
      onEnd: (told) => (end = told),
    });
    for await (const { data } of events) {
      seen.push(data);
      if (seen.length % 7 === 0) {
        world.cut();
        await settle();
      }
    }
    expect(seen).toEqual(Array.from({ length: 30 }, (_, i) => `tick ${i + 1}`));
    expect(told).toEqual({ begun: 1, ended: 1 });
    expect(end).toEqual({ units: 30, reason: 'finished' });
    expect(await spent(world)).toBe(30);
    expect(wallet.cards()).toMatchObject([{ left: 70, reserved: 0 }]);
  });

  it('end with a word of it when no more is paid, and the reader is told why', async () => {
    const { world, told } = await startTicker(1000);
    const wallet = await world.wallet();
    const seen: string[] = [];
    const reading = (async () => {
      const events = meteredEvents(world.paying(wallet), `${origin}/ticks`, { max: 9, step: 4 });
      for await (const { data } of events) seen.push(data);
    })();
    const failed = expect(reading).rejects.toMatchObject({ code: 'limit-exceeded' });
    await world.advance(10_000);
    await failed;
    expect(seen).toHaveLength(9);
    expect(await spent(world)).toBe(9);
    expect(told.ended).toBe(1);
  });

  it('stop their source when the client does not come back', async () => {
    const { world, told } = await startTicker(1000);
    const wallet = await world.wallet();
    const stream = await openMeteredStream(world.paying(wallet), `${origin}/ticks`, { max: 50, step: 4 });
    const reader = stream.response.body!.getReader();
    await reader.read();
    world.cut();
    await expect(reader.read()).rejects.toThrow('terminated');
    await world.advance(30_000);
    expect(told).toEqual({ begun: 1, ended: 1 });
    const { units } = await stream.stop();
    expect(units).toBe(await spent(world));
    expect(wallet.cards()).toMatchObject([{ left: 100 - units, reserved: 0 }]);
  });
});

describe('a body that is metered', () => {
  const file = new Uint8Array(1000).map((_, i) => i % 251);

  it('costs by its bytes, and what was paid of it is not paid again from an offset', async () => {
    const world = await createMeterWorld({
      '/file': {
        price: 1,
        handler: (request, payment) => {
          const meter = payment.meter();
          const offset = Number(/bytes=(\d+)-/.exec(request.headers.get('Range') ?? '')?.[1] ?? 0);
          const rest = new Response(file.slice(offset) as BodyInit).body!;
          return new Response(meterBytes(meter, rest, { bytesPerUnit: 64, offset }), {
            status: offset > 0 ? 206 : 200,
          });
        },
      },
    });
    const wallet = await world.wallet('stream');
    const stream = await openMeteredStream(world.paying(wallet), `${origin}/file`, { max: 50, step: 3 });
    const chunks: Uint8Array[] = [];
    let length = 0;
    const reader = stream.response.body!.getReader();
    while (length < 300) {
      const { value } = await reader.read();
      chunks.push(value!);
      length += value!.length;
    }
    world.cut();
    await expect(reader.read()).rejects.toThrow('terminated');
    const rest = await stream.reopen({ headers: { Range: `bytes=${length}-` } });
    expect(rest.status).toBe(206);
    chunks.push(new Uint8Array(await rest.arrayBuffer()));
    expect(Buffer.concat(chunks).equals(Buffer.from(file))).toBe(true);
    const { units, reason } = await stream.ended;
    expect(reason).toBe('finished');
    expect(units).toBe(Math.ceil(file.length / 64));
    expect(await spent(world)).toBe(units);
  });

  it('costs by the time that it takes', async () => {
    let now = 0;
    const world = await createMeterWorld({
      '/song': {
        price: 1,
        handler: (_, payment) => {
          let beat = 0;
          const song = new ReadableStream<Uint8Array>(
            {
              pull(controller) {
                now = beat * 500;
                if (beat++ < 10) controller.enqueue(new Uint8Array(1));
                else controller.close();
              },
            },
            { highWaterMark: 0 },
          );
          return new Response(meterSeconds(payment.meter(), song, { secondsPerUnit: 2, clock: () => now }));
        },
      },
    });
    const wallet = await world.wallet();
    const stream = await openMeteredStream(world.paying(wallet), `${origin}/song`, { max: 50 });
    expect(await stream.response.arrayBuffer()).toHaveProperty('byteLength', 10);
    // The last beat is at 4.5 seconds.
    expect(await stream.ended).toEqual({ units: 3, reason: 'finished' });
  });
});
