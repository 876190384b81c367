/** All benchmarks, one after the other: `npm run bench`, `npm run bench -- --quick`, `-- --json`. Ratios within one run are what to quote. */
import { availableParallelism, cpus, loadavg } from 'node:os';

const quick = process.argv.includes('--quick');
const json = process.argv.includes('--json');
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
