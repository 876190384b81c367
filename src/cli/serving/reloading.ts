import { resolve } from 'node:path';
import { isImpulsError } from '../../core/errors.js';
import { openVendorFolder, type VendorFolder } from '../../node/vendor/folder.js';
import type { Terminal } from '../terminal.js';
import { askEvery } from './admin-socket.js';

/** What became of a change: a server took it over, or none runs; or one has to be told. */
export type Reloaded = 'reloaded' | 'no-server' | 'restart';

/**
 * Has a running server take the keys of the folder over; then destroys the secrets that nothing needs any more.
 * A server that does not do it is named, and finds them within the hour.
 */
export async function reloadServer(
  terminal: Terminal,
  path: string,
): Promise<{ readonly server: Reloaded; readonly folder: VendorFolder }> {
  let server: Reloaded;
  try {
    server = (await askEvery(resolve(path), { do: 'reload' })).length > 0 ? 'reloaded' : 'no-server';
  } catch (error) {
    if (!isImpulsError(error)) throw error;
    terminal.note(`The running server did not take the keys over: ${error.message}. Restart it.`);
    server = 'restart';
  }
  return { server, folder: await openVendorFolder(path) };
}

export const serverWords: Readonly<Record<Reloaded, string>> = {
  reloaded: 'The running server uses them from now on.',
  'no-server': 'No server answered on this folder; one that runs elsewhere has to be restarted.',
  restart: 'Restart the server: it still serves the old document.',
};
