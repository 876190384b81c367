import { resolve } from 'node:path';
import { ImpulsError, isImpulsError } from '../../core/errors.js';
import { salesName } from '../../node/selling/sales-file.js';
import type { Terminal } from '../terminal.js';
import { askEvery } from './admin-socket.js';
import type { Reloaded } from './reloading.js';

/** What the commands that set sales up have in common. */

/** @throws ImpulsError `invalid-argument` */
export function checkName(name: string): string {
  if (salesName.test(name)) return name;
  throw new ImpulsError('invalid-argument', `"${name}" is no name for it`, {
    hint: 'Say 1 to 63 small letters, digits and any of . _ -, such as card-1000.',
  });
}

/** Has a running server sell as it stands in the folder now. */
export async function reloadSales(terminal: Terminal, folder: string): Promise<Reloaded> {
  try {
    return (await askEvery(resolve(folder), { do: 'reload' })).length > 0 ? 'reloaded' : 'no-server';
  } catch (error) {
    if (!isImpulsError(error)) throw error;
    terminal.note(
      `The running server did not take it over: ${error.message}. ${error.hint ?? 'Restart it.'}`,
    );
    return 'restart';
  }
}
