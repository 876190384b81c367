import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openWallet } from '../../client/index.js';
import { openFileStorage } from '../../node/file-storage.js';
import { initVendorFolder } from '../../node/vendor/folder.js';
import { formatCount } from '../amounts.js';
import { defineCommand } from '../command.js';
import { closeBooks, countSides, type Books, type Sides } from '../demo/books.js';
import { startVendorChild } from '../demo/child.js';
import { cardUnits, unit } from '../demo/shop.js';
import { crash } from '../demo/crash.js';
import { remember, type Stage } from '../demo/stage.js';
import { buyCards, cheat, openSealed, payWithEach } from '../demo/story.js';
import { createTap } from '../demo/tap.js';
import { createTeller, type Teller } from '../demo/teller.js';
import { exitCodes } from '../exit-codes.js';
import { formatTable } from '../table.js';
import type { Terminal } from '../terminal.js';

export const demo = defineCommand({
  name: 'demo',
  summary: 'See it all work: a vendor, two cards, cheating, a crash, and the books at the end',
  usage: '[options]',
  options: {
    keep: { type: 'boolean', help: 'Keep the folder of the demo, with the wallet and the ledger' },
    json: { type: 'boolean', help: 'Write JSON lines; the last one holds the books' },
  },
  words: [0, 0],
  notes:
    'Runs a vendor as a process of its own on this machine and pays it real requests. Every figure comes from the\nwallet and from the ledger. Exit code 1 if any check fails.',
  async run({ terminal, values }) {
    const started = performance.now();
    const folder = await mkdtemp(join(tmpdir(), 'impuls-demo-'));
    const json = values.json === true;
    const teller = createTeller(terminal, json ? 'lines' : 'sentences');
    try {
      const { sides, books } = await play(folder, teller);
      const right =
        books.doubleCharges === 0 && books.lostUnits === 0 && books.spentByWallet === books.spentByVendor;
      const code = right && teller.failed.length === 0 ? exitCodes.ok : exitCodes.failure;
      if (json) terminal.printJsonLine(books);
      else showBooks(terminal, sides, books);
      for (const name of teller.failed) terminal.note(`impuls: this check failed: ${name}`);
      if (!json) terminal.print(`\n${closing(code, (performance.now() - started) / 1000)}`);
      if (values.keep) terminal.note(`Kept: ${folder}`);
      return code;
    } finally {
      if (!values.keep) await rm(folder, { recursive: true, force: true });
    }
  },
});

function closing(code: number, seconds: number): string {
  const took = `${seconds.toFixed(1)} seconds`;
  return code === exitCodes.ok
    ? `All checks hold, after ${took}. Your turn: impuls vendor init shop`
    : `Some checks failed.`;
}

async function play(
  folder: string,
  teller: Teller,
): Promise<{ readonly sides: Sides; readonly books: Books }> {
  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  const shop = join(folder, 'vendor');
  teller.part('open', 'A vendor opens');
  await initVendorFolder(shop, {
    origin,
    name: 'Demo Reader',
    unit,
    listen: { host: '127.0.0.1', port },
    routes: [],
    denominations: [cardUnits],
  });
  const vendor = await startVendorChild(shop);
  const tap = createTap(fetch);
  const wallet = await openWallet({
    storage: await openFileStorage(join(folder, 'wallet')),
    fetch: tap.fetch,
  });
  const stage: Stage = {
    teller,
    wallet,
    tap,
    folder: shop,
    origin,
    vendor,
    bought: new Map(),
    vendorKeys: new Set(),
  };
  try {
    teller.check('ready', true, `It runs as a process of its own at ${origin}, its ledger on SQLite.`, {
      origin,
    });
    await buyCards(stage);
    await payWithEach(stage);
    await openSealed(stage);
    await cheat(stage);
    await crash(stage);
    teller.part('books', 'The books of both sides');
    const sides = countSides(wallet, await stage.vendor.totals());
    const payments = wallet.history();
    remember(stage);
    const shared = payments.filter(({ fingerprint }) => stage.vendorKeys.has(fingerprint)).length;
    teller.check(
      'keys',
      shared === payments.length && payments.length === stage.bought.size,
      `${shared} of ${payments.length} payment keys are the same on both sides.`,
      { payments: payments.length, shared },
    );
    return { sides, books: closeBooks(sides, stage.bought.values()) };
  } finally {
    await wallet.close();
    await stage.vendor.stop();
  }
}

function showBooks(terminal: Terminal, { wallet, vendor }: Sides, books: Books): void {
  const { paint } = terminal;
  const row = (name: string, key: 'bought' | 'spent' | 'left') => [
    name,
    formatCount(wallet[key]),
    formatCount(vendor[key]),
  ];
  const zero = (count: number): string => (count === 0 ? paint.green('0') : paint.red(String(count)));
  const table = formatTable(
    [{ head: 'Units' }, { head: 'Wallet', align: 'right' }, { head: 'Vendor', align: 'right' }],
    [row('bought', 'bought'), row('spent', 'spent'), row('left', 'left')],
    paint,
  );
  const indented = table.replace(/^/gm, '       ');
  terminal.print(
    `\n${indented}\n\n       double charges: ${zero(books.doubleCharges)}; lost units: ${zero(books.lostUnits)}`,
  );
}

/** A port that is free now; the vendor takes it in a moment, and again after the crash. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
