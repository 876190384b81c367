import { parentPort, workerData } from 'node:worker_threads';
import { minimise, search } from './search.js';
import { seedBytes, targets } from './targets.js';

/** What a search in a thread of its own is given. */
export interface Task {
  readonly target: string;
  readonly seconds: number;
  readonly seed: number;
  readonly corpus: readonly Uint8Array[];
  readonly words: readonly string[];
  /** The number of runs, the length of the input that is being run, and the input. */
  readonly shared: SharedArrayBuffer;
}

/** What comes of it. */
export interface Ended {
  readonly runs: number;
  readonly branches: number;
  readonly corpus: readonly Uint8Array[];
  readonly finding?: { readonly bytes: Uint8Array; readonly message: string };
}

export const maxBytes = 4096;

async function work({ target: name, seconds, seed, corpus, words, shared }: Task): Promise<Ended> {
  const target = targets.find((one) => one.name === name)!;
  const hits = (globalThis as unknown as { readonly __hits: Uint8Array }).__hits;
  const head = new Uint32Array(shared, 0, 2);
  const current = new Uint8Array(shared, 8);
  const until = performance.now() + 1000 * seconds;
  const { finding, ...found } = await search({
    run: target.run,
    hits,
    seeds: [...target.seeds().map(seedBytes), ...corpus],
    words: words.map((word) => new TextEncoder().encode(word)),
    seed,
    maxBytes,
    goesOn: (runs) => runs % 64 !== 0 || performance.now() < until,
    watch(bytes) {
      Atomics.add(head, 0, 1);
      head[1] = Math.min(bytes.length, current.length);
      current.set(bytes.subarray(0, current.length));
    },
  });
  if (!finding) return { ...found, corpus: await minimise(target.run, hits, found.corpus) };
  const { bytes, error } = finding;
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { ...found, finding: { bytes, message } };
}

const port = parentPort;
if (port) void work(workerData as Task).then((ended) => port.postMessage(ended));
