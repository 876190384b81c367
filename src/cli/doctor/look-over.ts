import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { openVendorFolder, type VendorFolder } from '../../node/vendor/folder.js';
import { vendorFiles } from '../../node/vendor/store.js';
import { attempt, ok, type Check } from './check.js';
import { checkLeftovers, checkModes, checkRoom, checkRoutes } from './folder-checks.js';
import { checkClock, checkKeys } from './key-checks.js';
import { checkLedger } from './ledger-checks.js';
import { checkLog } from './log-checks.js';
import { checkOrigin, platformNetwork } from './network-checks.js';
import { checkServer } from './server-checks.js';

/** Whether a look asks the origin over the network. */
export type Reach = 'local' | 'online';

/** Looks a vendor over, and changes nothing. @param path absolute, of its folder @param logs files to be read as well */
export async function lookOver(path: string, reach: Reach, logs: readonly string[] = []): Promise<Check[]> {
  const now = Math.floor(Date.now() / 1000);
  let found: VendorFolder | undefined;
  const checks = await attempt('settings', async () => {
    found = await openVendorFolder(path);
    const { origin, name } = found.document;
    return [ok('settings', `${name}, ${origin}`), ...(await checkRoutes(found))];
  });
  const modes = await checkModes(path).catch(() => []);
  if (!found) return [...checks, ...modes];
  const folder = found;
  const { mtimeMs } = await stat(join(path, vendorFiles.document));
  return [
    ...checks,
    ...modes,
    ...(await checkLeftovers(path)),
    ...checkKeys(folder, now),
    checkClock(folder, Math.floor(mtimeMs / 1000), now),
    ...(await checkRoom(path)),
    ...(await attempt('ledger', () => checkLedger(folder, now))),
    ...(await attempt('server', () => checkServer(folder))),
    ...(reach === 'online' ? await checkOrigin(folder.document, platformNetwork) : []),
    ...(await Promise.all(logs.map(checkLog))).flat(),
  ];
}
