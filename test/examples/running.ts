import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import {
  createMemoryStorage,
  createPayingFetch,
  openWallet,
  type PayingFetch,
} from '../../src/client/index.js';
import { freePort } from '../support/ports.js';

/** An example as its reader starts it, in an empty folder, and a wallet with what its voucher is good for. */
export interface Running {
  readonly origin: string;
  readonly pay: PayingFetch;
  /** Units left on the card. */
  left(): number;
  /** @returns how it ended */
  stop(): Promise<number | null>;
}

/** @param program in examples; told its port by PORT, it prints a line that ends in its voucher once it listens */
export async function runServer(program: string): Promise<Running> {
  const folder = await mkdtemp(join(tmpdir(), 'impuls-example-'));
  const port = await freePort();
  const file = fileURLToPath(new URL(`../../examples/${program}`, import.meta.url));
  const child = spawn(process.execPath, [file], {
    cwd: folder,
    env: { ...process.env, PORT: String(port) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit') as Promise<[number | null]>;
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  const origin = `http://127.0.0.1:${port}`;
  const wallet = await openWallet({ storage: createMemoryStorage() });
  await wallet.redeem(origin, line.split(' ').at(-1)!, { protocol: 'chain' });
  return {
    origin,
    pay: createPayingFetch({ wallet, limits: { perRequest: 10, total: 100 } }),
    left: () => wallet.cards().reduce((sum, card) => sum + card.left, 0),
    async stop() {
      await wallet.close();
      child.kill('SIGTERM');
      const [code] = await ended;
      await rm(folder, { recursive: true, force: true });
      return code;
    },
  };
}
