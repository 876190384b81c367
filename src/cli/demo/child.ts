import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { ImpulsError } from '../../core/errors.js';
import type { OrderItem, Totals } from '../../server/index.js';
import { askAdmin } from '../serving/admin-socket.js';
import type { PaidEvent } from '../serving/vendor-server.js';

/** The vendor's process, from outside. */
export interface VendorChild {
  /** Payments as the vendor has told of them, oldest first. */
  readonly paid: readonly PaidEvent[];
  createVouchers(items: readonly OrderItem[], count: number): Promise<string[]>;
  totals(): Promise<Totals>;
  /** SIGKILL: it has no chance to do anything more. */
  kill(): Promise<void>;
  /** SIGTERM. */
  stop(): Promise<void>;
}

const program = fileURLToPath(new URL('./vendor-process.js', import.meta.url));

/** @throws ImpulsError `network` if it does not start */
export async function startVendorChild(folder: string): Promise<VendorChild> {
  const child = spawn(process.execPath, [program, folder], { stdio: ['pipe', 'pipe', 'pipe'] });
  const exited = once(child, 'exit');

  const paid: PaidEvent[] = [];
  await ready(child, (event) => paid.push(event));
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    child.kill(signal);
    await exited;
  };
  const ask = async (request: object): Promise<unknown> => {
    const asked = await askAdmin(folder, request);
    if (!asked) throw new ImpulsError('network', 'the vendor of the demo does not answer');
    return asked.ok;
  };
  return {
    paid,
    createVouchers: async (items, count) => (await ask({ do: 'create-vouchers', items, count })) as string[],
    totals: async () => (await ask({ do: 'totals' })) as Totals,
    kill: () => end('SIGKILL'),
    stop: () => end('SIGTERM'),
  };
}

/** Waits for the ready line and hears the payments. */
async function ready(child: ChildProcess, onPaid: (event: PaidEvent) => void): Promise<void> {
  let complaints = '';
  child.stderr!.setEncoding('utf8').on('data', (text: string) => (complaints += text));
  await new Promise<void>((resolve, reject) => {
    createInterface({ input: child.stdout! }).on('line', (line) => {
      const event = JSON.parse(line) as { readonly event: string };
      if (event.event === 'ready') resolve();
      else if (event.event === 'paid') onPaid(event as PaidEvent);
    });
    child.once('exit', (code) => {
      reject(new ImpulsError('network', `the vendor of the demo ended with ${code}: ${complaints.trim()}`));
    });
  });
}
