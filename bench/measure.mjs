/** Times a synchronous function: the best of several rounds, in µs a call. */
export function microseconds(run, { rounds = 7, calls = 20_000 } = {}) {
  let best = Infinity;
  for (let round = 0; round < rounds; round++) {
    const start = process.hrtime.bigint();
    for (let i = 0; i < calls; i++) run(i);
    best = Math.min(best, Number(process.hrtime.bigint() - start) / 1000 / calls);
  }
  return best;
}
