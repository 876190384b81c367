import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { rolldown } from 'rolldown';
import { instrument, mostBranches, wordsOf } from './instrument.js';
import { targets } from './targets.js';
import { maxBytes, type Ended, type Task } from './worker.js';

const help = `npm run fuzz -- [target …] [options]

Searches for bytes that a reader should have refused, guided by what of its code they reach.

Targets: ${targets.map(({ name }) => name).join(', ')}. Default: all, two at a time.

  --seconds <n>  for each target; default 20
  --quick        2 seconds for each
  --seed <n>     of the search; default 1
  --keep         takes the smallest inputs that reach all that was reached for the corpus, proof/fuzz/corpus
  --json         prints the results as JSON
  --out <file>   writes them there as JSON
  --help

A finding is left in .reports/fuzz/, as the bytes that make it: put them into the corpus when it is mended.
`;

const root = fileURLToPath(new URL('../../', import.meta.url));
/** Kept of one target. */
const mostKept = { files: 24, bytes: 2048 };
/** One run that takes longer does not end. */
const mostMs = 20_000;

interface Found {
  readonly target: string;
  readonly runs: number;
  /** Branches that were reached. */
  readonly branches: number;
  readonly corpus: number;
  /** The first line of what went wrong. */
  readonly finding?: string;
}

interface Build {
  readonly file: string;
  readonly words: readonly string[];
}

/** The searching thread, in which the code of the product counts its branches. */
async function build(): Promise<Build> {
  const file = join(root, '.tsbuild', 'fuzz', `worker-${process.pid}.mjs`);
  const words = new Set<string>();
  let branches = 0;
  const made = await rolldown({
    input: join(root, 'proof', 'fuzz', 'worker.ts'),
    platform: 'node',
    external: (id) => !id.startsWith('.') && !id.startsWith('/'),
    resolve: { extensionAlias: { '.js': ['.ts', '.js'] } },
    logLevel: 'silent',
    plugins: [
      {
        name: 'count-branches',
        transform(source, id) {
          if (!id.startsWith(join(root, 'src'))) return null;
          for (const word of wordsOf(source)) words.add(word);
          return { code: instrument(source, () => branches++ % mostBranches), moduleType: 'js' };
        },
      },
    ],
  });
  await made.write({
    file,
    format: 'esm',
    codeSplitting: false,
    banner: () => `globalThis.__hits = new Uint8Array(${Math.min(branches, mostBranches)});`,
  });
  await made.close();
  return { file, words: [...words] };
}

function corpusOf(target: string): string {
  return join(root, 'proof', 'fuzz', 'corpus', target);
}

function readCorpus(target: string): Uint8Array[] {
  const folder = corpusOf(target);
  const files = existsSync(folder) ? readdirSync(folder).sort() : [];
  return files.map((file) => Uint8Array.from(readFileSync(join(folder, file))));
}

/** Runs a search in a thread, and ends it if one input takes too long. */
function searchIn({ file, words }: Build, target: string, seconds: number, seed: number): Promise<Ended> {
  const shared = new SharedArrayBuffer(8 + maxBytes);
  const head = new Uint32Array(shared, 0, 2);
  const task: Task = { target, seconds, seed, corpus: readCorpus(target), words, shared };
  const worker = new Worker(file, { workerData: task });
  return new Promise((resolve) => {
    const end = (ended: Ended): void => {
      clearInterval(watching);
      void worker.terminate();
      resolve(ended);
    };
    const failed = (message: string): void => {
      const bytes = Uint8Array.from(new Uint8Array(shared, 8, head[1]));
      end({ runs: head[0]!, branches: 0, corpus: [], finding: { bytes, message } });
    };
    let runs = -1;
    const watching = setInterval(() => {
      if (head[0] === runs) failed(`an input that takes more than ${mostMs / 1000} seconds`);
      runs = head[0]!;
    }, mostMs);
    worker.once('message', end).once('error', (error) => failed(String(error)));
  });
}

function writeFiles(folder: string, all: readonly Uint8Array[]): void {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const bytes of all) writeFileSync(join(folder, nameOf(bytes)), bytes);
}

function nameOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex').slice(0, 16);
}

/** Some of each length: short inputs are refused early, long ones late. */
function choose(corpus: readonly Uint8Array[]): Uint8Array[] {
  const fitting = corpus.filter(({ length }) => length <= mostKept.bytes);
  const step = Math.max(1, fitting.length / mostKept.files);
  return Array.from(
    { length: Math.min(fitting.length, mostKept.files) },
    (_, i) => fitting[Math.floor(i * step)]!,
  );
}

function report(target: string, { runs, branches, corpus, finding }: Ended, keep: boolean): Found {
  if (finding) {
    const folder = join(root, '.reports', 'fuzz');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, target), finding.bytes);
    writeFileSync(join(folder, `${target}.txt`), `${finding.message}\n`);
    return {
      target,
      runs,
      branches,
      corpus: readCorpus(target).length,
      finding: finding.message.split('\n')[0]!,
    };
  }
  if (keep) writeFiles(corpusOf(target), choose(corpus));
  return { target, runs, branches, corpus: readCorpus(target).length };
}

function formatTable(all: readonly Found[]): string {
  const rows = all.map(({ target, runs, branches, corpus, finding }) => {
    return `| ${target} | ${runs.toLocaleString('en')} | ${branches} | ${corpus} | ${finding ?? 'none'} |`;
  });
  const head = ['| Reader | Inputs tried | Branches | Corpus | Finding |', '| --- | --: | --: | --: | --- |'];
  return [...head, ...rows].join('\n');
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      seconds: { type: 'string', default: '20' },
      quick: { type: 'boolean', default: false },
      seed: { type: 'string', default: '1' },
      keep: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      out: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(help);
    return;
  }
  const unknown = positionals.filter((name) => !targets.some((target) => target.name === name));
  if (unknown.length > 0) throw new RangeError(`no target ${unknown.join(', ')}; see --help`);
  const seconds = values.quick ? 2 : Number(values.seconds);
  const built = await build();
  const names = targets.map(({ name }) => name);
  const waiting = names.filter((name) => positionals.length === 0 || positionals.includes(name));
  const total = waiting.length;
  const results: Found[] = [];
  const work = async (): Promise<void> => {
    for (let name = waiting.shift(); name; name = waiting.shift()) {
      results.push(report(name, await searchIn(built, name, seconds, Number(values.seed)), values.keep));
      if (process.stderr.isTTY) process.stderr.write(`\r${results.length} of ${total} readers`);
    }
  };
  await Promise.all([work(), work()]);
  rmSync(built.file, { force: true });
  results.sort((one, other) => (one.target < other.target ? -1 : 1));
  const tried = results.reduce((sum, { runs }) => sum + runs, 0);
  const findings = results.filter(({ finding }) => finding !== undefined).length;
  if (values.out) {
    mkdirSync(dirname(values.out), { recursive: true });
    writeFileSync(values.out, `${JSON.stringify({ tried, findings, targets: results }, null, 2)}\n`);
  }
  const all = `\n${tried.toLocaleString('en')} inputs tried, ${findings} findings.`;
  process.stdout.write(values.json ? `${JSON.stringify(results)}\n` : `${formatTable(results)}\n${all}\n`);
  if (findings > 0) process.exitCode = 1;
}

await main();
