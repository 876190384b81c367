/**
 * Vendor CPU of an accepted payment, in process: from the credential as it stands in its header to accepted, with nothing on a network
 * and no chain. Each protocol runs in a process of its own; slices are taken in turns, so that whatever else the machine does meets
 * them all. CPU is that of the whole process: threads that check signatures or collect garbage count.
 */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { ask, median } from '../load.mjs';

const program = fileURLToPath(new URL('worker.mjs', import.meta.url));
const round3 = (value) => Number(value.toPrecision(3));

async function openWorker(name) {
  const child = fork(program, [name], { execArgv: ['--expose-gc'] });
  await new Promise((resolve, reject) => {
    child.once('message', resolve);
    child.once('exit', () => reject(new Error(`${name} did not start`)));
  });
  return { name, child, slices: [] };
}

/** Has a worker prepare payments of so many units, as many as make a slice of a good length, and warms it up. */
async function prepareWorker(worker, amount, milliseconds) {
  const { child } = worker;
  const most = Math.floor(2 ** 20 / amount);
  const prepare = (count) => ask(child, { count: Math.max(1, Math.min(count, most)), amount });
  await prepare(amount > 64 ? 1 : 60);
  const probe = await ask(child, {});
  await prepare(Math.min(20_000, Math.ceil((1000 * milliseconds) / probe.cpu)));
  for (let i = 0; i < 2; i++) await ask(child, {});
  worker.slices = [];
}

/** @returns µs of CPU a payment for each name, and how many times that of the first; medians, ratios of adjacent slices */
function summarize(workers) {
  const [first] = workers;
  return Object.fromEntries(
    workers.map(({ name, slices }) => [
      name,
      {
        microseconds: round3(median(slices.map(({ cpu }) => cpu))),
        least: round3(Math.min(...slices.map(({ cpu }) => cpu))),
        wallMicroseconds: round3(median(slices.map(({ wall }) => wall))),
        times: round3(median(slices.map(({ cpu }, at) => cpu / first.slices[at].cpu))),
      },
    ]),
  );
}

/** @returns by the units of a payment, what each of the names costs */
export async function measureCpu(names, { amounts, rounds, milliseconds, onProgress }) {
  const workers = [];
  try {
    for (const name of names) workers.push(await openWorker(name));
    const found = {};
    for (const amount of amounts) {
      for (const worker of workers) {
        onProgress(`${amount} units: ${worker.name}`);
        await prepareWorker(worker, amount, milliseconds);
      }
      for (let round = 0; round < rounds; round++) {
        onProgress(`${amount} units: slice ${round + 1}/${rounds}`);
        for (const { child, slices } of workers) slices.push(await ask(child, {}));
      }
      found[amount] = summarize(workers);
    }
    return found;
  } finally {
    for (const { child } of workers) child.kill();
  }
}
