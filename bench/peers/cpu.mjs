/**
 * Vendor CPU of an accepted payment, in process: from the credential as it stands in its header to accepted, with nothing on a network
 * and no chain. Each protocol runs in a process of its own; slices are taken in turns, so that whatever else the machine does meets
 * them all. CPU is that of the whole process: threads that check signatures or collect garbage count.
 */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { ask, median } from '../load.mjs';

const program = fileURLToPath(new URL('worker.mjs', import.meta.url));
const round1 = (value) => Number(value.toPrecision(3));

async function openWorker(name, amount, quick) {
  const child = fork(program, [name], { execArgv: ['--expose-gc'] });
  await new Promise((resolve, reject) => {
    child.once('message', resolve);
    child.once('exit', () => reject(new Error(`${name} did not start`)));
  });
  const most = Math.max(1, Math.floor(2 ** 20 / amount));
  const prepare = (count) => ask(child, { count: Math.max(1, Math.min(count, most)), amount });
  // A probe says how many make a slice of a good length.
  await prepare(amount > 64 ? 2 : 60);
  const probe = await ask(child, {});
  const milliseconds = quick ? 100 : 300;
  await prepare(Math.min(20_000, Math.ceil((1000 * milliseconds) / probe.cpu)));
  // And two slices warm it up.
  for (let i = 0; i < 2; i++) await ask(child, {});
  return { name, child, slices: [] };
}

/** @returns µs of CPU a payment for each name, and how many times that of the first; medians, ratios of adjacent slices */
export async function measureCpu(names, { amount = 1, rounds = 9, quick = false, onProgress = () => {} }) {
  const workers = [];
  for (const name of names) {
    onProgress(`${name}, ${amount}`);
    workers.push(await openWorker(name, amount, quick));
  }
  for (let round = 0; round < rounds; round++) {
    onProgress(`slice ${round + 1}/${rounds}`);
    for (const { child, slices } of workers) slices.push(await ask(child, {}));
  }
  for (const { child } of workers) child.kill();
  const [first] = workers;
  return Object.fromEntries(
    workers.map(({ name, slices }) => [
      name,
      {
        microseconds: round1(median(slices.map(({ cpu }) => cpu))),
        least: round1(Math.min(...slices.map(({ cpu }) => cpu))),
        wallMicroseconds: round1(median(slices.map(({ wall }) => wall))),
        times: round1(median(slices.map(({ cpu }, at) => cpu / first.slices[at].cpu))),
      },
    ]),
  );
}
