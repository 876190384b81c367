/** Accepts payments of one protocol in a process of its own: prepares them, and says what CPU a slice of them took. */
import { protocols } from './protocols/index.mjs';

const open = await protocols[process.argv[2]]();
let prepared;

async function slice() {
  const accept = await prepared.start();
  globalThis.gc();
  const began = process.cpuUsage();
  const start = process.hrtime.bigint();
  for (const item of prepared.items) {
    // One that answers at once is not made to wait.
    const accepted = accept(item);
    if (accepted !== true && !(await accepted)) throw new Error(`${process.argv[2]} refused a payment`);
  }
  const wall = Number(process.hrtime.bigint() - start) / 1000;
  const { user, system } = process.cpuUsage(began);
  const { length } = prepared.items;
  return { cpu: (user + system) / length, wall: wall / length };
}

process.on('message', async ({ count, amount }) => {
  if (count) prepared = await open.prepare(count, amount);
  process.send(count ? {} : await slice());
});
process.send({});
