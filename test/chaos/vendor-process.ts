import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { ImpulsError } from '../../src/core/errors.js';

/** `vendor.mjs` from outside. */
export interface VendorProcess {
  readonly port: number;
  /** What it reported, oldest first. */
  readonly errors: readonly Reported[];
  ask(question: 'totals' | 'voucher', units?: number): Promise<unknown>;
  /** Resolves when the handler of `/slow` runs for this target. */
  running(target: string): Promise<void>;
  /** SIGKILL. */
  kill(): Promise<void>;
  /** Lets it close its ledger. */
  stop(): Promise<void>;
}

export interface Reported {
  readonly code: string;
  readonly message: string;
}

export interface VendorPlace {
  /** As `initVendorFolder` made it. */
  readonly folder: string;
  readonly ledger: string;
  readonly runs: string;
  /** 0 for any. */
  readonly port: number;
  readonly mode?: Mode | undefined;
}

/** `hang`: `/slow` never answers. Or the framework to serve behind; default: none. */
export type Mode = 'hang' | 'hono' | 'express' | 'fastify' | 'fetch';

type Event =
  | { readonly event: 'ready'; readonly port: number }
  | { readonly event: 'running'; readonly url: string }
  | { readonly event: 'answer'; readonly value: unknown }
  | (Reported & { readonly event: 'error' });

const program = fileURLToPath(new URL('vendor.mjs', import.meta.url));

export async function startVendorProcess(place: VendorPlace): Promise<VendorProcess> {
  const { folder, ledger, runs, port, mode = 'serve' } = place;
  const child = spawn(process.execPath, [program, folder, ledger, runs, String(port), mode], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  // What is asked of a process that is gone is not answered.
  child.stdin.on('error', () => {});
  const errors: Reported[] = [];
  const running = new Map<string, PromiseWithResolvers>();
  const asked: ((value: unknown) => void)[] = [];

  function whenRunning(target: string): PromiseWithResolvers {
    const found = running.get(target) ?? withResolvers();
    running.set(target, found);
    return found;
  }

  const ready = new Promise<number>((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      const event = JSON.parse(line) as Event;
      if (event.event === 'ready') resolve(event.port);
      else if (event.event === 'running') whenRunning(event.url).resolve();
      else if (event.event === 'answer') asked.shift()?.(event.value);
      else errors.push(event);
    });
    child.once('exit', (code) => reject(new ImpulsError('network', `the vendor ended with ${code}`)));
  });
  return {
    port: await ready,
    errors,
    ask: (question, units) =>
      new Promise((resolve) => {
        asked.push(resolve);
        child.stdin.write(`${JSON.stringify({ ask: question, units })}\n`);
      }),
    running: (target) => whenRunning(target).promise,
    async kill() {
      child.kill('SIGKILL');
      await exited;
    },
    async stop() {
      child.stdin.end();
      await exited;
    },
  };
}

interface PromiseWithResolvers {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
}

function withResolvers(): PromiseWithResolvers {
  let resolve!: () => void;
  const promise = new Promise<void>((done) => (resolve = done));
  return { promise, resolve };
}
