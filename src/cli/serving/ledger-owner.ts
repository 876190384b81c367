import { ImpulsError, isImpulsError } from '../../core/errors.js';
import type { VendorFolder } from '../../node/vendor/folder.js';
import { openVendorLedger } from '../../node/vendor/ledger.js';
import type { Ledger } from '../../server/index.js';
import { askAdmin } from './admin-socket.js';

/**
 * A ledger on SQLite has one owner: the server of its folder while it runs, and where none does, the command that opens it. One in a database
 * has many: a command asks a server of its folder if one runs, and opens the ledger beside those of other hosts if none does.
 */

type Ask = (request: object) => Promise<unknown>;

/**
 * Works with the ledger of a folder, by way of its server if one runs.
 *
 * @param reach the server's way to it; undefined if none runs. Called again if one has started meanwhile
 * @param own the same of a ledger that this process has opened
 */
export async function withOwner<D, T>(
  folder: VendorFolder,
  reach: () => Promise<D | undefined>,
  own: (ledger: Ledger) => D,
  work: (desk: D) => Promise<T>,
): Promise<T> {
  const remote = await reach();
  if (remote) return work(remote);
  let ledger: Ledger;
  try {
    ledger = await openVendorLedger(folder);
  } catch (error) {
    const started = isImpulsError(error, 'storage-locked') ? await reach() : undefined;
    if (!started) throw error;
    return work(started);
  }
  try {
    return await work(own(ledger));
  } finally {
    await ledger.close();
  }
}

/**
 * One question to the owner of a ledger.
 *
 * @param work does the same with a ledger as the server does for `request`
 */
export function askLedger<T>(
  folder: VendorFolder,
  request: object,
  work: (ledger: Ledger) => Promise<T>,
): Promise<T> {
  return withOwner<() => Promise<T>, T>(
    folder,
    async () => {
      const asked = await askAdmin(folder.path, request);
      return asked && (() => Promise.resolve(asked.ok as T));
    },
    (ledger) => () => work(ledger),
    (answer) => answer(),
  );
}

/**
 * Many questions to a server, if one runs.
 *
 * @param first asked to see whether one does
 * @param deskOf makes of a way to ask what the caller works with. It raises what the server says, or that it has stopped
 */
export async function reachServer<D>(
  { path }: VendorFolder,
  first: object,
  deskOf: (ask: Ask, answer: unknown) => D,
): Promise<D | undefined> {
  const answered = await askAdmin(path, first);
  return answered && deskOf((request) => askRunning(path, request), answered.ok);
}

async function askRunning(folder: string, request: object): Promise<unknown> {
  const asked = await askAdmin(folder, request);
  if (asked) return asked.ok;
  throw new ImpulsError('storage-failed', 'the server stopped in the middle of it', {
    hint: 'What was done is in the ledger: look there, then run the command again.',
  });
}
