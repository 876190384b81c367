import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openMeteredStream, type MeteredStream } from '../../src/client/metered-stream.js';
import type { Wallet } from '../../src/client/index.js';
import { createMeterWorld, denomination, origin, settle } from './world.js';

/** What a meter was opened with and what it gave, as the handler saw it. */
interface Tally {
  /** Units of claims that opened it. */
  paid: number;
  /** Units that it held and that were charged for an earlier one: an opening that was sent again. */
  free: number;
  used: number;
}

type Step =
  | { readonly do: 'open' | 'cut' | 'reopen' | 'restart' | 'kill' | 'let go' }
  | { readonly do: 'read'; readonly chunks: number }
  | { readonly do: 'wait'; readonly seconds: number };

const steps = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({ do: fc.constant('read' as const), chunks: fc.integer({ min: 1, max: 9 }) }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ do: fc.constant('wait' as const), seconds: fc.integer({ min: 1, max: 40 }) }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constantFrom('open' as const, 'cut', 'reopen', 'restart', 'kill', 'let go'),
      }),
    },
  ),
  { minLength: 3, maxLength: 14 },
);

async function live(plan: readonly Step[], protocol: 'chain' | 'stream', step: number): Promise<void> {
  const tallies = new Map<string, Tally>();
  const world = await createMeterWorld({
    '/ticks': {
      price: 1,
      handler: (_, payment) => {
        const meter = payment.meter();
        const known = tallies.get(meter.id);
        const tally: Tally = known ?? { paid: 0, free: 0, used: 0 };
        tallies.set(meter.id, tally);
        if (payment.verdict === 'accepted') tally.paid += payment.units;
        else if (!known) tally.free += payment.units;
        const body = new ReadableStream<Uint8Array>(
          {
            async pull(controller) {
              if (await meter.use(1)) {
                tally.used++;
                controller.enqueue(new Uint8Array(1));
                return;
              }
              controller.close();
            },
            cancel: () => meter.pause(),
          },
          { highWaterMark: 0 },
        );
        return new Response(body);
      },
    },
  });
  const records = new Map<string, string>();
  let process = { alive: true };
  const born = (): Promise<Wallet> => {
    const own: { alive: boolean } = { alive: true };
    process = own;
    const check = (): void => {
      if (!own.alive) throw new TypeError('killed');
    };
    return world.wallet(protocol, records, async (input, init) => {
      check();
      const response = await world.fetch(input, init);
      // The answer comes, and nobody is there any more.
      check();
      return response;
    });
  };
  let wallet = await born();
  let stream: MeteredStream | undefined;
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  let restarts = 0;

  const take = async (opened: Promise<Response>): Promise<void> => {
    const response = await opened.catch(() => undefined);
    reader = response?.body?.getReader();
  };
  const read = async (chunks: number): Promise<void> => {
    for (let chunk = 0; chunk < chunks && reader; chunk++) {
      const reading = reader.read().catch(() => ({ done: true }));
      void reading.then(({ done }) => {
        if (done) reader = undefined;
      });
      await settle();
    }
  };

  for (const one of plan) {
    switch (one.do) {
      case 'open':
        if (stream) break;
        await take(
          openMeteredStream(world.paying(wallet), `${origin}/ticks`, { max: 60, step }).then((opened) => {
            stream = opened;
            return opened.response;
          }),
        );
        break;
      case 'read':
        await read(one.chunks);
        break;
      case 'wait':
        await world.advance(one.seconds * 1000);
        break;
      case 'cut':
        world.cut();
        break;
      case 'reopen':
        if (stream && !reader) await take(stream.reopen());
        break;
      case 'let go':
        void reader?.cancel().catch(() => {});
        [stream, reader] = [undefined, undefined];
        break;
      case 'restart':
        restarts++;
        world.restart();
        break;
      case 'kill':
        process.alive = false;
        world.cut();
        [stream, reader] = [undefined, undefined];
        await settle();
        wallet = await born();
        break;
    }
    await settle();
  }

  // Everything comes to its end: nobody reads on, and what was interrupted is finished.
  void reader?.cancel().catch(() => {});
  await world.advance(120_000);
  await wallet.recover();
  await world.advance(120_000);
  const report = await wallet.recover();
  expect(report.claims.filter(({ result }) => result === 'unknown')).toEqual([]);

  const { spent } = await world.vendor.totals();
  const left = denomination - spent;
  for (const { id } of wallet.cards()) await wallet.refresh(id);
  expect(wallet.cards()).toMatchObject([{ left, reserved: 0 }]);
  const used = [...tallies.values()].reduce(
    (sum, { paid, free, used }) => sum + Math.max(paid, used - free),
    0,
  );
  expect(spent).toBeGreaterThanOrEqual(used);
  // What a vendor held when it was killed stays paid; nothing else does that was not used.
  expect(spent - used).toBeLessThanOrEqual(restarts * 2 * step);
  expect(world.errors).toEqual([]);
}

describe('whatever breaks off', () => {
  it('units charged are units used', async () => {
    await fc.assert(
      fc.asyncProperty(
        steps,
        fc.constantFrom('chain' as const, 'stream' as const),
        fc.integer({ min: 1, max: 12 }),
        (plan, protocol, step) => live([{ do: 'open' }, ...plan], protocol, step),
      ),
      { numRuns: 6 },
    );
  }, 60_000);
});
