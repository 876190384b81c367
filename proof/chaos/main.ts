import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import CliTable3 from 'cli-table3';
import { isImpulsError } from '../../src/core/errors.js';
import { compare, type Breaches, type Counts } from './books.js';
import { faults, type Fault } from './faults.js';
import { checkMachine } from './needs.js';
import { drawTimeline } from './picture.js';
import { bundledFiles } from './programs.js';
import { aftermathMs, countSeconds, measureStalls, type Episode, type Stall } from './timeline.js';
import { openWorld, type World } from './world.js';

const help = `Breaks a whole installation while wallets pay: two nodes of PostgreSQL with a synchronous standby, three vendors, nginx, each on a
host of its own. Compares the books of every wallet with the ledger in the end. Needs root, and Debian's PostgreSQL 15 and nginx.

  npm run chaos                       all faults, one after the other: about five minutes
  npm run chaos -- --quick            the first three, for half the time
  npm run chaos -- --only disk,slow   some: ${faults.map(({ name }) => name).join(', ')}

  --rate <n>      payments a second (60)
  --wallets <n>   how many pay (8)
  --seed <n>      of what they buy (1)
  --json          the result as JSON
  --out           writes it to proof/results/chaos.json and docs/pictures/chaos.svg
  --keep          leaves logs and files where they are, and says where
`;

interface Result {
  readonly machine: { readonly cpu: string | undefined; readonly cores: number; readonly node: string };
  readonly seed: number;
  /** Payments a second that were asked for. */
  readonly rate: number;
  readonly wallets: number;
  readonly seconds: number;
  readonly breaches: Breaches;
  readonly counts: Counts;
  readonly stalls: readonly Stall[];
  /** Of the vendors: what they could not do, and how often. */
  readonly reported: Readonly<Record<string, number>>;
}

const { values } = parseArgs({
  options: {
    help: { type: 'boolean' },
    quick: { type: 'boolean' },
    json: { type: 'boolean' },
    out: { type: 'boolean' },
    keep: { type: 'boolean' },
    only: { type: 'string' },
    rate: { type: 'string', default: '60' },
    wallets: { type: 'string', default: '8' },
    seed: { type: 'string', default: '1' },
  },
});

const pause = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));
const say = (message: string): void => {
  if (!values.json) process.stderr.write(`${message}\n`);
};
const root = new URL('../../', import.meta.url);

async function strikeAll(world: World, chosen: readonly Fault[], restMs: number): Promise<Episode[]> {
  const episodes: Episode[] = [];
  for (const [i, fault] of chosen.entries()) {
    say(`${i + 1}/${chosen.length} ${fault.what}`);
    const struckAt = Date.now();
    await fault.strike(world);
    await pause((values.quick ? fault.seconds / 2 : fault.seconds) * 1000);
    await fault.mend(world);
    episodes.push({ name: fault.name, what: fault.what, struckAt, mendedAt: Date.now() });
    await pause(restMs);
  }
  return episodes;
}

/** Everybody gets what is due, and vendors forget what is only in memory. */
async function settle({ wallets, vendors }: World): Promise<number> {
  say('wallets end what they have begun');
  await Promise.all(wallets.map((wallet) => wallet.ask('end')));
  const unsettled = await Promise.all(wallets.map((wallet) => wallet.ask('recover') as Promise<number>));
  for (const vendor of vendors) {
    await vendor.program.kill();
    await vendor.start();
  }
  return unsettled.reduce((a, b) => a + b, 0);
}

async function play(world: World, chosen: readonly Fault[]): Promise<{ result: Result; picture: string }> {
  const restMs = values.quick ? aftermathMs : 2 * aftermathMs;
  const from = Date.now();
  await Promise.all(world.wallets.map((wallet) => wallet.ask('begin')));
  await pause(restMs);
  const episodes = await strikeAll(world, chosen, restMs);
  const to = Date.now();
  const unsettled = await settle(world);
  say('books');
  const { wallets, ended, paid, runFiles } = world;
  const { breaches, counts } = await compare({
    vendor: world.vendors[0]!.program,
    wallets,
    ended,
    paid,
    runFiles,
    unsettled,
  });
  const answered = ended.filter(({ event }) => event === 'answered');
  const result: Result = {
    machine: { cpu: cpus()[0]?.model, cores: availableParallelism(), node: process.version },
    seed: Number(values.seed),
    rate: Number(values.rate),
    wallets: Number(values.wallets),
    seconds: Math.round((to - from) / 1000),
    breaches,
    counts,
    stalls: measureStalls(episodes, answered),
    reported: Object.fromEntries(world.reported),
  };
  const picture = drawTimeline({
    title: `Payments answered in each second: ${counts.answered} in all, ${breaches.chargedTwice} charged twice, ${breaches.lostUnits} units lost`,
    seconds: countSeconds(answered, from, to),
    episodes: episodes.map(({ what, struckAt, mendedAt }) => ({
      what,
      from: (struckAt - from) / 1000,
      to: (mendedAt - from) / 1000,
    })),
  });
  return { result, picture };
}

function describe({ breaches, counts, stalls, reported }: Result): string {
  const seconds = (milliseconds: number): string => (milliseconds / 1000).toFixed(1);
  const times = new CliTable3({
    head: ['fault', 'lasted s', 'no answer for s', 'slowest payment s', 'over 1 s'],
    colAligns: ['left', 'right', 'right', 'right', 'right'],
    style: { head: [], border: [] },
    wordWrap: true,
    colWidths: [60],
  });
  times.push(
    ...stalls.map(({ what, lasted, stalled, slowest, delayed }) => [
      what,
      seconds(lasted),
      seconds(stalled),
      seconds(slowest),
      delayed,
    ]),
  );
  const sums = new CliTable3({ style: { head: [], border: [] }, colAligns: ['left', 'right'] });
  sums.push(...Object.entries(counts), ...Object.entries(breaches));
  const errors = Object.entries(reported).map(([text, count]) => `${count} × ${text}`);
  return [times.toString(), sums.toString(), 'What vendors reported:', ...errors].join('\n');
}

async function main(): Promise<number> {
  if (values.help) {
    process.stdout.write(help);
    return 0;
  }
  const names =
    values.only?.split(',') ?? faults.slice(0, values.quick ? 3 : faults.length).map(({ name }) => name);
  const chosen = faults.filter(({ name }) => names.includes(name));
  checkMachine();
  const folder = mkdtempSync(join(tmpdir(), 'impuls-chaos-'));
  // PostgreSQL runs as another user.
  chmodSync(folder, 0o755);
  let world: World | undefined;
  const interrupt = (): void => {
    void (world?.close() ?? Promise.resolve()).finally(() => process.exit(130));
  };
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  try {
    world = await openWorld({
      folder,
      wallets: Number(values.wallets),
      rate: Number(values.rate),
      seed: Number(values.seed),
      log: say,
    });
    const { result, picture } = await play(world, chosen);
    if (values.out) {
      mkdirSync(new URL('proof/results/', root), { recursive: true });
      mkdirSync(new URL('docs/pictures/', root), { recursive: true });
      writeFileSync(new URL('proof/results/chaos.json', root), `${JSON.stringify(result, null, 2)}\n`);
      writeFileSync(new URL('docs/pictures/chaos.svg', root), picture);
    }
    process.stdout.write(`${values.json ? JSON.stringify(result) : describe(result)}\n`);
    return Object.values(result.breaches).some((count) => count !== 0) ? 1 : 0;
  } finally {
    await world?.close();
    for (const file of await bundledFiles()) rmSync(file, { force: true });
    if (values.keep) say(`everything is in ${folder}`);
    else rmSync(folder, { recursive: true, force: true });
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!isImpulsError(error)) throw error;
  process.stderr.write(`${error.message}\n${error.hint ?? ''}\n`);
  process.exitCode = 2;
}
