/**
 * impuls beside its peers, each in one go on one machine. Ratios within one run are what to quote.
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { format } from 'prettier';

const help = `impuls beside its peers: npm run bench:peers -- [options]

  --quick          small loads: a few minutes, and only the shape of the results
  --only <names>   some of cpu, amounts, http, wire, scale, memory, size, with commas between
  --connections <n>  levels of http; default 1,64,512
  --most <cards>   where scale stops; default 10000000, which takes 4 GB of disk and 4 GB of memory
  --folder <path>  where scale writes its ledgers; default here
  --out            write proof/results/peers.json and .md, and docs/pictures/peers-*.svg; what is not measured now stays
  --json           print one line of JSON
  --help           print this
`;

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string', default: 'cpu,amounts,http,wire,scale,memory,size' },
    connections: { type: 'string', default: '1,64,512' },
    most: { type: 'string' },
    folder: { type: 'string', default: '.' },
    out: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (options.help) {
  process.stdout.write(help);
  process.exit();
}

const root = fileURLToPath(new URL('../..', import.meta.url));
const { quick } = options;
const onProgress = (text) => {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
};

const suites = {
  async cpu() {
    const { measureCpu } = await import('./cpu.mjs');
    const { protocols } = await import('./protocols/index.mjs');
    const load = quick ? { rounds: 3, milliseconds: 100 } : { rounds: 7, milliseconds: 300 };
    const found = await measureCpu(Object.keys(protocols), { amounts: [1], ...load, onProgress });
    return found[1];
  },
  async amounts() {
    const { measureCpu } = await import('./cpu.mjs');
    const names = [
      'impuls-chain',
      'impuls-stream',
      'l402',
      'privacy-pass',
      'cashu',
      'x402-exact',
      'mppx-voucher',
    ];
    const amounts = quick ? [1, 16, 256, 4095] : [1, 4, 16, 64, 256, 1024, 4095];
    return measureCpu(names, { amounts, rounds: quick ? 1 : 3, milliseconds: 100, onProgress });
  },
  async http() {
    const { measureHttp } = await import('./http.mjs');
    const levels = options.connections.split(',').map(Number);
    let found = before.http;
    for (const connections of levels) {
      found = {
        ...found,
        [connections]: await measureHttp(connections, { rounds: quick ? 2 : 5, onProgress }),
      };
      // A level takes minutes; what is measured is kept.
      results.http = found;
      await write();
    }
    return found;
  },
  async wire() {
    const { measureWire } = await import('./wire.mjs');
    return measureWire();
  },
  async scale() {
    const { measureScale } = await import('./scale.mjs');
    const most = Number(options.most ?? (quick ? 100_000 : 10_000_000));
    return measureScale({ most, quick, folder: options.folder, onProgress });
  },
  async memory() {
    const program = fileURLToPath(new URL('memory.mjs', import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', program]);
    return JSON.parse(stdout);
  },
  async size() {
    const { measureBundles, measureInstalls } = await import('./footprint.mjs');
    return { installs: await measureInstalls(), bundles: await measureBundles() };
  },
};

const wanted = options.only.split(',');
const unknown = wanted.find((name) => !suites[name]);
if (unknown !== undefined) {
  console.error(`There is no benchmark '${unknown}': choose of ${Object.keys(suites).join(', ')}.`);
  process.exit(1);
}

const file = join(root, 'proof/results/peers.json');
const before = options.out && existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {};
const machine = { node: process.version, cpu: cpus()[0]?.model, cores: availableParallelism() };
const results = { ...before, machine: { ...machine, load: { ...before.machine?.load } } };
const { writeMarkdown, drawCharts } = await import('./report.mjs');

const load = () => Number(loadavg()[0].toFixed(1));

for (const name of wanted) {
  const loadBefore = load();
  results[name] = await suites[name]();
  results.machine.load[name] = [loadBefore, load()];
  await write();
}
if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
process.stdout.write(options.json ? `${JSON.stringify(results)}\n` : writeMarkdown(results));

/** What has been measured so far is kept, whatever comes after. */
async function write() {
  if (!options.out) return;
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(
    file,
    await format(JSON.stringify(results, undefined, 2), { parser: 'json', printWidth: 110 }),
  );
  writeFileSync(file.replace(/json$/, 'md'), writeMarkdown(results));
  const pictures = join(root, 'docs/pictures');
  mkdirSync(pictures, { recursive: true });
  for (const [picture, text] of Object.entries(drawCharts(results)))
    writeFileSync(join(pictures, picture), text);
}
