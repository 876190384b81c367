import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  createMemoryStorage,
  createPayingFetch,
  openWallet,
  type Transport,
  type WalletOptions,
} from '../../src/client/index.js';
import { openSqliteLedger } from '../../src/node/sqlite.js';
import { openTransport } from '../../src/node/transport.js';
import { createRecorder, guesses, surprising, type Evidence } from '../support/curious-vendor.js';
import { startSocksServer } from '../support/socks-server.js';
import { createTestKeys, now, startVendor } from '../support/vendor.js';

const day = 86_400_000;
const week = 7 * day;

interface Played {
  readonly evidence: Evidence;
  /** The truth: the code by the card. */
  readonly truth: ReadonlyMap<string, string>;
}

/** Numbers that are the same in every run: what time can tell is then no matter of luck. */
function createDice(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/**
 * So many people buy a card each on one day, and pay with it twice as soon as it is usable. The vendor, its ledger, its sockets and the proxy
 * are real; the days pass in a moment.
 */
async function play(
  people: number,
  options: Partial<WalletOptions>,
  change: (transport: Transport) => Transport = (transport) => transport,
): Promise<Played> {
  const folder = await mkdtemp(join(tmpdir(), 'impuls-curious-'));
  const file = join(folder, 'ledger.db');
  const time = { ms: now * 1000 };
  const clock = (): number => time.ms;
  const dice = createDice(people);
  const recorder = createRecorder(clock);
  const ledger = await openSqliteLedger({ path: file });
  const made = await createTestKeys('http://news.localhost:8402', [100], now);
  const vendor = await startVendor(
    { '/a': { price: 3, handler: (_, res) => void res.end('an article') } },
    { ledger, clock, ...made, origin: made.document.origin, port: 0 },
  );
  const { port } = vendor.server.address() as { port: number };
  const proxy = await startSocksServer({ route: () => ({ port }), onBytes: recorder.onBytes });
  const transports: ReturnType<typeof openTransport>[] = [];
  const truth = new Map<string, string>();
  try {
    const codes = await vendor.vendor.createVouchers([{ denomination: 100, count: 1 }], people);
    const events = codes.map((code) => ({ at: time.ms + dice() * day, run: () => buy(code) }));
    async function buy(code: string): Promise<void> {
      const transport = openTransport({ proxy: proxy.url });
      transports.push(transport);
      const wallet = await openWallet({
        storage: createMemoryStorage(),
        transport: change(transport),
        clock,
        random: (length) =>
          length === 4
            ? Uint8Array.from({ length }, () => Math.floor(dice() * 256))
            : crypto.getRandomValues(new Uint8Array(length)),
        ...options,
      });
      const [card] = await wallet.redeem(made.document.origin, code, { protocol: 'chain' });
      truth.set(card!.id, code);
      const paying = createPayingFetch({ wallet, limits: { perRequest: 3, total: 6 } });
      events.push({
        at: card!.usableFrom === undefined ? time.ms + 1000 : card!.usableFrom * 1000,
        async run() {
          for (let i = 0; i < 2; i++) await (await paying(`${made.document.origin}/a`)).text();
        },
      });
    }
    while (events.length > 0) {
      events.sort((a, b) => b.at - a.at);
      const { at, run } = events.pop()!;
      time.ms = Math.max(time.ms, at);
      await run();
    }
    return { evidence: await recorder.evidence(file, made.keys, made.document), truth };
  } finally {
    await Promise.all(transports.map((transport) => transport.close()));
    await proxy.close();
    await vendor.close();
    await rm(folder, { recursive: true });
  }
}

function hits({ evidence, truth }: Played, guess: string): number {
  const found = guesses[guess]!(evidence);
  return [...truth].filter(([card, code]) => found.get(card) === code).length;
}

describe('a curious vendor that has all it stores and sees', () => {
  it('matches sales to cards no better than chance', async () => {
    const people = 32;
    const played = await play(people, { activationDelay: week / 1000 });
    const { sales, cards } = played.evidence;
    expect([sales.length, cards.length]).toEqual([people, people]);
    // A card can come of any sale of the week before; all of those are equally likely, since the delay is drawn evenly.
    const mean = cards.reduce((sum, card) => {
      return (
        sum + 1 / sales.filter(({ time }) => time <= card.time && card.time <= time + week + 1000).length
      );
    }, 0);
    expect(mean).toBeLessThan(3);
    const most = surprising(mean);
    expect(most).toBeLessThan(people / 2);
    for (const guess of Object.keys(guesses)) {
      expect(hits(played, guess), guess).toBeLessThan(most);
    }
    for (const guess of ['the connection', 'the address', 'a value that appears again']) {
      expect(guesses[guess]!(played.evidence).size, guess).toBe(0);
    }
  }, 120_000);

  it('matches them all where a wallet has one circuit for everything', async () => {
    const people = 10;
    const played = await play(people, { privacy: 'pseudonymous', activationDelay: week / 1000 });
    for (const guess of ['the connection', 'the address']) expect(hits(played, guess), guess).toBe(people);
  }, 60_000);

  it('matches almost all where a card is used as soon as it is bought', async () => {
    const people = 10;
    const played = await play(people, {});
    for (const guess of ['the last sale before', 'first come, first served']) {
      expect(hits(played, guess), guess).toBeGreaterThanOrEqual(people - 1);
    }
  }, 60_000);

  it('matches them all where a wallet brings along what it was given at the sale', async () => {
    const people = 10;
    const played = await play(people, { activationDelay: week / 1000 }, (transport) => {
      // As a browser does with a cookie.
      let cookie = '';
      return {
        circuit: (name) => async (input, init) => {
          const headers = new Headers(init?.headers);
          if (cookie) headers.set('Cookie', `visitor=${cookie}`);
          cookie ||= Buffer.from(crypto.getRandomValues(new Uint8Array(9))).toString('base64url');
          return transport.circuit(name)(input, { ...init, headers });
        },
      };
    });
    expect(hits(played, 'a value that appears again')).toBe(people);
  }, 60_000);
});
