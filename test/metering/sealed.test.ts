import { expect, it } from 'vitest';
import { createPayingFetch } from '../../src/client/index.js';
import { openMeteredStream } from '../../src/client/metered-stream.js';
import { meterEvents } from '../../src/server/metering/index.js';
import { createMeterWorld, origin } from './world.js';

it('a sealed stream leaves event by event, and nobody on the way reads it', async () => {
  let more!: () => void;
  const waiting = new Promise<void>((resolve) => (more = resolve));
  async function* ticks() {
    yield { data: 'one' };
    await waiting;
    yield { data: 'two'.repeat(1000) };
  }
  const world = await createMeterWorld({
    '/ticks': { price: 1, handler: (_, payment) => meterEvents(payment, ticks) },
  });
  const wallet = await world.wallet();
  const pay = createPayingFetch({ wallet, limits: { perRequest: 9, total: 90 }, seal: 'prefer' });
  const stream = await openMeteredStream(pay, `${origin}/ticks`, { max: 20, step: 2 });
  const reader = stream.response.body!.getReader();
  // The second is not there yet.
  expect(new TextDecoder().decode((await reader.read()).value)).toBe('id: 1\ndata: one\n\n');
  more();
  let text = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    text += new TextDecoder().decode(value);
  }
  expect(text).toBe(`id: 2\ndata: ${'two'.repeat(1000)}\n\n`);
  expect(await stream.ended).toEqual({ units: 2, reason: 'finished' });
});
