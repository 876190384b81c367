import { fork } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { drawBadge } from './badge.js';
import { invariants } from './observer.js';
import { rough, saboteurs } from './saboteurs.js';
import { shrink, type Shrunk } from './shrinking.js';
import { addWorld, nothing, type Tally } from './tally.js';
import { runWorld, type WorldReport } from './world.js';

const help = `The hostile battery: real wallets pay a real vendor in virtual time, and everything goes wrong.

  npm run hostile -- [options]

  --payments <n>     how many requests are to be paid for in all   (1000000; with --quick 20000)
  --calls <n>        of them in one world                          (4000; with --quick 2500)
  --seed <n>         of the first world; each world has the next   (1)
  --processes <n>    workers                                       (2)
  --quick            a slice
  --json             the result as JSON
  --out <file>       writes it there, and draws docs/pictures/hostile.svg from it
  --twice            runs each world twice, and compares them
  --replay <file>    runs the world that a failure was shrunk to
  --saboteurs        puts in what is wrong, and says whether it is noticed

A world that fails is run again with ever fewer faults and calls, and written to .reports/hostile-<seed>.json.
Exit code 1 if something that must hold did not.
`;

const { values } = parseArgs({
  options: {
    payments: { type: 'string' },
    calls: { type: 'string' },
    seed: { type: 'string', default: '1' },
    processes: { type: 'string', default: '2' },
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    out: { type: 'string' },
    twice: { type: 'boolean', default: false },
    replay: { type: 'string' },
    saboteurs: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
    worker: { type: 'boolean', default: false },
  },
});
const calls = Number(values.calls ?? (values.quick ? 2500 : 4000));
const payments = Number(values.payments ?? (values.quick ? 20_000 : 1_000_000));
const root = new URL('../../', import.meta.url);

if (values.help) process.stdout.write(help);
else if (values.worker) work();
else if (values.replay !== undefined) await replay(values.replay);
else if (values.saboteurs) await trySaboteurs();
else await tryAll();

/** Runs the worlds that it is told to, one after the other. */
function work(): void {
  process.on('message', (seed: number) => {
    void (async () => {
      const report = await runWorld({ seed, calls });
      const again = values.twice ? await runWorld({ seed, calls }) : report;
      const breaches =
        again.digest === report.digest
          ? report.breaches
          : [{ invariant: 'nothing unexpected' as const, what: 'a second run differs', at: 0 }];
      process.send!({ ...report, breaches });
    })();
  });
}

async function tryAll(): Promise<void> {
  const first = Number(values.seed);
  const worlds = Math.ceil(payments / calls);
  const started = performance.now();
  let tally = nothing;
  let next = 0;
  const failed: WorldReport[] = [];

  await Promise.all(
    Array.from({ length: Math.min(worlds, Number(values.processes)) }, async () => {
      const worker = fork(process.argv[1]!, [
        '--worker',
        '--calls',
        String(calls),
        ...(values.twice ? ['--twice'] : []),
      ]);
      while (next < worlds) {
        const seed = first + next++;
        const report = await new Promise<WorldReport>((resolve, reject) => {
          worker.removeAllListeners();
          worker.once('message', (message) => {
            resolve(message as WorldReport);
          });
          worker.once('exit', (code) => {
            reject(new Error(`the worker of seed ${seed} ended with ${code}`));
          });
          worker.send(seed);
        });
        tally = addWorld(tally, report);
        if (report.breaches.length > 0) failed.push(report);
        showProgress(tally);
      }
      worker.removeAllListeners();
      worker.disconnect();
    }),
  );
  const seconds = Math.round((performance.now() - started) / 1000);
  if (process.stderr.isTTY) process.stderr.write('\r\u001b[2K');
  const result = { ...tally, seed: first, calls, seconds };
  process.stdout.write(values.json ? `${JSON.stringify(result, null, 2)}\n` : describe(tally, seconds));
  if (values.out !== undefined) write(values.out, result);
  for (const report of failed.slice(0, 3)) await shrinkAndTell(report);
  if (failed.length > 0) process.exitCode = 1;
}

function showProgress(tally: Tally): void {
  if (!process.stderr.isTTY) return;
  const share = Math.min(1, tally.payments / payments);
  const bar = '█'.repeat(Math.round(24 * share)).padEnd(24, '░');
  process.stderr.write(`\r\u001b[2K${bar} ${tally.payments} payments, ${tally.breaches.length} breaches`);
}

function write(file: string, result: Tally & object): void {
  const { breaches, ...rest } = result;
  const hours = Math.round(rest.hours);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify({ ...rest, hours, breaches: breaches.length }, null, 2)}\n`);
  const picture = new URL('docs/pictures/hostile.svg', root);
  mkdirSync(new URL('.', picture), { recursive: true });
  writeFileSync(picture, drawBadge(result));
}

function describe(tally: Tally, seconds: number): string {
  const { vendor, wallets } = tally.crashes;
  const rows: [string, number | string][] = [
    ['payments tried', tally.payments],
    ['claims accepted', tally.accepted],
    ['worlds', tally.worlds],
    ['virtual hours', Math.round(tally.hours)],
    ['seconds', seconds],
    ['', ''],
    ...Object.entries(tally.faults).sort((a, b) => b[1] - a[1]),
    ['', ''],
    ['crashes of wallets', wallets],
    ['crashes of the vendor', vendor],
    ['restores from a backup', tally.restores],
    ['', ''],
    ['double charges', tally.doubleCharges],
    ['lost units', tally.lostUnits],
    ['breaches in all', tally.breaches.length],
  ];
  return rows
    .map(([name, value]) => (name ? `${name.padEnd(26)}${String(value).padStart(10)}` : '').concat('\n'))
    .join('');
}

async function shrinkAndTell(report: WorldReport): Promise<void> {
  const shrunk = await shrink({ seed: report.seed, calls }, report);
  const file = new URL(`.reports/hostile-${report.seed}.json`, root);
  mkdirSync(new URL('.', file), { recursive: true });
  const { seed, calls: made, only, omits } = shrunk;
  writeFileSync(file, `${JSON.stringify({ seed, calls: made, only, omits }, null, 1)}\n`);
  tell(shrunk);
  process.stderr.write(`  npm run hostile -- --replay .reports/hostile-${seed}.json\n`);
}

function tell({ seed, calls: made, only, omits, report }: Shrunk): void {
  const { invariant, what } = report.breaches[0]!;
  process.stderr.write(`\nseed ${seed} breaks "${invariant}": ${invariants[invariant]}\n  ${what}\n`);
  process.stderr.write(`  with ${made - omits.length} calls and these faults:\n`);
  for (const name of only) process.stderr.write(`    ${name}\n`);
}

async function replay(file: string): Promise<void> {
  type Stored = Pick<Shrunk, 'seed' | 'calls' | 'only' | 'omits'>;
  const stored = JSON.parse(readFileSync(file, 'utf8')) as Stored;
  const { seed, calls: made, only, omits } = stored;
  const report = await runWorld({ seed, calls: made, only: new Set(only), omits: new Set(omits) });
  for (const { invariant, what, at } of report.breaches) {
    process.stdout.write(`${(at / 1000).toFixed(3).padStart(12)} s  ${invariant}: ${what}\n`);
  }
  process.stdout.write(`${report.breaches.length} breaches, digest ${report.digest}\n`);
  if (report.breaches.length > 0) process.exitCode = 1;
}

async function trySaboteurs(): Promise<void> {
  const results: { name: string; seeds: number; noticed: boolean }[] = [];
  for (const { name, flaws, breaks } of saboteurs) {
    let noticed = false;
    let seed = 0;
    while (!noticed && seed < 12) {
      seed++;
      const report = await runWorld({ seed, calls: 120, wallets: 2, flaws, rates: rough });
      noticed = report.breaches.some(({ invariant }) => invariant === breaks);
    }
    results.push({ name, seeds: seed, noticed });
    if (!values.json)
      process.stdout.write(`${noticed ? 'noticed' : 'MISSED '}  ${name} (${breaks}, seed ${seed})\n`);
    if (!noticed) process.exitCode = 1;
  }
  if (values.json) process.stdout.write(`${JSON.stringify(results)}\n`);
}
