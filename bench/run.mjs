/**
 * All benchmarks, one after the other: `npm run bench`, `-- --quick`, `-- --json`. `-- --out <folder>` writes bench.json and its tables,
 * bench.md, there. Ratios within one run are what to quote.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { tableOf } from './tables.mjs';

const { quick, json, out } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    out: { type: 'string' },
  },
}).values;
const suites = ['verdict', 'card', 'seal', 'ledger', 'http', 'adapters', 'proxy', 'bundle', 'playback'];
const results = {
  machine: {
    node: process.version,
    cpu: cpus()[0]?.model,
    cores: availableParallelism(),
    loadBefore: Number(loadavg()[0].toFixed(2)),
  },
};
for (const [at, suite] of suites.entries()) {
  if (!json) process.stderr.write(`${at + 1}/${suites.length} ${suite} …\n`);
  const { run } = await import(`./${suite}.mjs`);
  results[suite] =
    suite === 'http'
      ? { chain: await run({ quick, protocol: 'chain' }), stream: await run({ quick, protocol: 'stream' }) }
      : await run({ quick });
  if (!json) console.log(suite, results[suite]);
}
if (json) console.log(JSON.stringify(results));
if (out) {
  mkdirSync(out, { recursive: true });
  writeFileSync(join(out, 'bench.json'), `${JSON.stringify(results, undefined, 2)}\n`);
  const tables = Object.entries(results).map(([suite, result]) => `## ${suite}\n\n${tableOf(result)}\n`);
  writeFileSync(join(out, 'bench.md'), tables.join('\n'));
}
