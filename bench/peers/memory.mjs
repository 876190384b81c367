/**
 * State that a vendor keeps in memory, in bytes: of one account (a card, a channel), however often it pays, or of one payment where each
 * has to be remembered. Prints JSON; run with --expose-gc.
 */
import { randomBytes } from 'node:crypto';

const count = 20_000;

async function grow(fill) {
  globalThis.gc();
  const before = process.memoryUsage();
  const held = await fill();
  globalThis.gc();
  const after = process.memoryUsage();
  const bytes = after.heapUsed + after.external - before.heapUsed - before.external;
  if (!held) throw new Error('nothing is held');
  return Math.round(bytes / count);
}

async function fillLedger(protocol) {
  const { createMemoryLedger } = await import('../../dist/server/index.js');
  const { createIdentity, makeCard, openCard } = await import('../bench-vendor.mjs');
  const { document } = await createIdentity('https://news.example');
  const cards = Array.from({ length: count }, () => makeCard({ protocol, generator: 'chacha20' }, 100));
  return grow(async () => {
    const ledger = createMemoryLedger();
    for (const card of cards) await openCard(ledger, document.cards[0], card);
    return ledger;
  });
}

async function fillChannels() {
  const { createSessionServer, makeStore, openSessions } = await import('./protocols/mppx.mjs');
  await createSessionServer([]);
  const [one] = openSessions(1);
  const channels = Array.from({ length: count }, () => ({
    ...one,
    channelId: `0x${randomBytes(32).toString('hex')}`,
  }));
  return grow(() => makeStore(channels));
}

const fillSet = (make) => grow(async () => new Set(Array.from({ length: count }, make)));

console.log(
  JSON.stringify({
    account: {
      'impuls chain': await fillLedger('chain'),
      'impuls stream': await fillLedger('stream'),
      'mppx tempo session': await fillChannels(),
    },
    payment: {
      Cashu: await fillSet(() => randomBytes(32).toString('hex')),
      'Privacy Pass': await fillSet(() => randomBytes(32).toString('base64')),
    },
  }),
);
