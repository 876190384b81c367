import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import type { DiskFlaws, Fate } from './disk.js';
import { checkMachine, removeBundles, toldBy } from './record.js';
import {
  chooseCuts,
  cutPower,
  isSync,
  recordLedger,
  recordLongLedger,
  recordWallet,
  type Fault,
  type RecordOptions,
  type Recording,
} from './subjects.js';

const help = `Power cuts: what a wallet's file and a SQLite ledger ask of the operating system is recorded, and the power is cut
at every sync, at every word that it gave, and at other places. Of what was not synced by then anything may be there, lost,
or torn at a sector. What is left is opened and checked.

  npm run power-cut -- [options]

  --cuts <n>     at least so many, of each              (600; of the long ledger 400 at most)
  --most <n>     at most so many, of each               (4000; with --quick 34)
  --size <n>     payments of each of the ledger's six cards; the wallet makes twice as many   (160)
  --kills <n>    times that the process is killed on the way, before the power is cut   (3)
  --seed <n>                                            (1)
  --only <name>  wallet, ledger, or long ledger: one life, with checkpoints beside the payments
  --quick        a slice
  --json         the result as JSON
  --out <file>   writes it there

Each run also cuts the power of disks that do not sync what they say, and of programs that give their word too early: that must
be noticed. Needs strace. Exit code 1 if something that must hold did not, or something wrong was not noticed.
`;

const { values } = parseArgs({
  options: {
    cuts: { type: 'string' },
    most: { type: 'string' },
    size: { type: 'string' },
    kills: { type: 'string', default: '3' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string' },
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    out: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

interface SubjectResult {
  readonly subject: string;
  readonly systemCalls: number;
  readonly syncs: number;
  readonly kills: number;
  readonly words: number;
  readonly cuts: number;
  readonly fates: Readonly<Record<Fate, number>>;
  readonly faults: number;
  readonly saboteurs: readonly { readonly name: string; readonly noticed: boolean }[];
  readonly seconds: number;
}

const saboteurs: readonly { name: string; flaws?: DiskFlaws; tellsEarly?: true }[] = [
  { name: 'syncs do nothing', flaws: { syncs: 'none' } },
  { name: 'a folder is not synced', flaws: { syncs: 'files-only' } },
  { name: 'its word comes before the sync', tellsEarly: true },
];

interface Subject {
  readonly record: (options: RecordOptions) => Promise<Recording>;
  /** Cuts at most, of those that are asked for. */
  readonly most: number;
}

const subjects: Readonly<Record<string, Subject>> = {
  wallet: { record: recordWallet, most: Infinity },
  ledger: { record: recordLedger, most: Infinity },
  'long ledger': { record: recordLongLedger, most: 400 },
};

async function trySubject(subject: string, folder: string): Promise<SubjectResult> {
  const started = performance.now();
  const seed = Number(values.seed);
  const options = {
    seed,
    size: Number(values.size ?? (values.quick ? 60 : 160)),
    kills: Number(values.kills),
    folder,
  };
  const recording = await subjects[subject]!.record(options);
  const most = Math.min(subjects[subject]!.most, Number(values.most ?? (values.quick ? 34 : 4000)));
  const cuts = chooseCuts(recording, Number(values.cuts ?? (values.quick ? 34 : 600)), most, seed);
  const onCut = (done: number): void => showProgress(subject, done, cuts.length);
  const { tried, faults } = await cutPower(recording, cuts, { seed, folder, onCut });
  tell(subject, faults);
  const noticed = await trySaboteurs(recording, folder);
  recording.close();
  const steps = recording.lives.flat();
  return {
    subject,
    systemCalls: steps.filter(({ moment }) => moment === 'begins').length,
    syncs: steps.filter((step) => step.moment === 'ends' && isSync(step)).length,
    kills: recording.lives.length - 1,
    words: steps.filter((step) => toldBy(step) !== undefined).length,
    cuts: cuts.length,
    fates: tried,
    faults: faults.length,
    saboteurs: noticed,
    seconds: Math.round((performance.now() - started) / 1000),
  };
}

/** @returns whether each is noticed, at any of some cuts */
async function trySaboteurs(recording: Recording, folder: string): Promise<SubjectResult['saboteurs']> {
  const seed = Number(values.seed) + 1;
  const cuts = chooseCuts(recording, 0, 60, seed);
  const results: { name: string; noticed: boolean }[] = [];
  for (const { name, ...flaw } of saboteurs) {
    const { faults } = await cutPower(recording, cuts, { seed, folder, onlyFirst: true, ...flaw });
    results.push({ name, noticed: faults.length > 0 });
  }
  return results;
}

function showProgress(subject: string, done: number, all: number): void {
  if (!process.stderr.isTTY) return;
  const bar = '█'.repeat(Math.round((24 * done) / all)).padEnd(24, '░');
  process.stderr.write(`\r\u001b[2K${done === all ? '' : `${bar} ${subject}: ${done} of ${all} cuts`}`);
}

function tell(subject: string, faults: readonly Fault[]): void {
  for (const { cut, fate, what } of faults.slice(0, 10)) {
    const place = `life ${cut.life}, step ${cut.step}, after a ${cut.at} step`;
    process.stderr.write(`${subject}: ${what} (${place}, what was not synced: ${fate})\n`);
  }
}

function describe(results: readonly SubjectResult[]): string {
  const rows: [string, (result: SubjectResult) => string | number][] = [
    ['', ({ subject }) => subject],
    ['system calls', ({ systemCalls }) => systemCalls],
    ['syncs', ({ syncs }) => syncs],
    ['words given', ({ words }) => words],
    ['kill -9 on the way', ({ kills }) => kills],
    ['power cuts', ({ cuts }) => cuts],
    ['  all unsynced lost', ({ fates }) => fates.lost],
    ['  all unsynced there', ({ fates }) => fates.there],
    ['  of it any writes', ({ fates }) => fates.any],
    ['  of it any sectors', ({ fates }) => fates.torn],
    ['faults', ({ faults }) => faults],
    ...saboteurs.map(({ name }): [string, (result: SubjectResult) => string] => [
      name,
      (result) => (result.saboteurs.find((one) => one.name === name)?.noticed ? 'noticed' : 'MISSED'),
    ]),
    ['seconds', ({ seconds }) => seconds],
  ];
  return rows
    .map(([name, cell]) => name.padEnd(34) + results.map((one) => String(cell(one)).padStart(12)).join(''))
    .join('\n')
    .concat('\n');
}

async function run(): Promise<void> {
  checkMachine();
  // Nothing here has to outlive this machine's power.
  const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'impuls-power-cut-'));
  try {
    const results: SubjectResult[] = [];
    for (const subject of Object.keys(subjects)) {
      if (values.only === undefined || values.only === subject)
        results.push(await trySubject(subject, folder));
    }
    const result = { seed: Number(values.seed), subjects: results };
    process.stdout.write(values.json ? `${JSON.stringify(result, null, 2)}\n` : describe(results));
    if (values.out !== undefined) {
      mkdirSync(dirname(values.out), { recursive: true });
      writeFileSync(values.out, `${JSON.stringify(result, null, 2)}\n`);
    }
    const isWrong = ({ faults, saboteurs: tried }: SubjectResult): boolean =>
      faults > 0 || tried.some(({ noticed }) => !noticed);
    if (results.some(isWrong)) process.exitCode = 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
    await removeBundles();
  }
}

if (values.help) process.stdout.write(help);
else await run();
