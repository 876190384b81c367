import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Stryker } from '@stryker-mutator/core';
import { areaOf, areas, type Area } from './areas.js';
import { countMutants, formatTable, listSurvivors, type AreaResult } from './results.js';

const help = `npm run mutation -- [area …] [options]

Changes the code that money depends on, one thing at a time, and sees whether a test notices.

Areas: ${areas.map(({ name }) => name).join(', ')}. Default: all, which takes about an hour on two cores.

  --quick         one file of the first area: does it work here
  --only <files>  changes these files of the area only, with commas between them; with :from-to for lines
  --sample <n>    changes one line in n only, and whatever goes over several lines
  --fresh         forgets what was found before; else only what has changed since is tried again
  --least <n>     the share in percent below which an area fails; default 85
  --json          prints the results as JSON
  --out <file>    writes them there as JSON, with those of other areas that the file has
  --help
`;

const root = fileURLToPath(new URL('../../', import.meta.url));

/** One area, as Stryker runs it. */
async function runArea(
  area: Area,
  mutate: readonly string[],
  every: number,
  fresh: boolean,
): Promise<AreaResult> {
  process.env['IMPULS_MUTATION_AREA'] = area.name;
  process.env['IMPULS_MUTATION_SAMPLE'] = String(every);
  const folder = join('.reports', 'mutation');
  const incrementalFile = join(folder, `${area.name}-incremental.json`);
  const mutants = await new Stryker({
    configFile: 'proof/mutation/stryker.config.json',
    mutate: [...mutate],
    incrementalFile,
    force: fresh,
    tempDirName: join('.tsbuild', `stryker-${area.name}`),
    jsonReporter: { fileName: join(folder, `${area.name}.json`) },
    reporters: process.stderr.isTTY ? ['progress', 'json'] : ['progress-append-only', 'json'],
  }).runMutationTest();
  const survivors = listSurvivors(root, mutants);
  mkdirSync(join(root, folder), { recursive: true });
  writeFileSync(join(root, folder, `${area.name}-missed.txt`), survivors.map((line) => `${line}\n`).join(''));
  return countMutants(area.name, every, mutants);
}

/** Adds results to a file, each in the place of an older one of its area. */
function writeResults(path: string, results: readonly AreaResult[]): void {
  let before: readonly AreaResult[] = [];
  try {
    before = (JSON.parse(readFileSync(path, 'utf8')) as { areas: readonly AreaResult[] }).areas;
  } catch {
    // There is none yet.
  }
  const known = new Map([...before, ...results].map((result) => [result.area, result]));
  const all = areas.flatMap(({ name }) => known.get(name) ?? []);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${JSON.stringify({ areas: all }, null, 2)}\n`);
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string' },
      sample: { type: 'string', default: '1' },
      fresh: { type: 'boolean', default: false },
      least: { type: 'string', default: '85' },
      json: { type: 'boolean', default: false },
      out: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(help);
    return;
  }
  process.chdir(root);
  const names = positionals.length > 0 ? positionals : areas.map(({ name }) => name);
  const chosen = values.quick ? [areas[0]!] : names.map(areaOf);
  const results: AreaResult[] = [];
  for (const area of chosen) {
    const all = values.quick ? area.mutate.slice(0, 1) : area.mutate;
    results.push(await runArea(area, values.only?.split(',') ?? all, Number(values.sample), values.fresh));
  }
  if (values.out) writeResults(values.out, results);
  const missed = 'What no test noticed: .reports/mutation/<area>-missed.txt';
  process.stdout.write(
    values.json ? `${JSON.stringify(results)}\n` : `${formatTable(results)}\n\n${missed}\n`,
  );
  if (results.some(({ percent }) => percent < Number(values.least))) process.exitCode = 1;
}

await main();
