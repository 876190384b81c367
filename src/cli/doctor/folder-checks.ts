import { readdir, stat, statfs } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { exists } from '../../node/durable-file.js';
import { modeOf } from '../../node/vendor/backup.js';
import type { VendorFolder } from '../../node/vendor/folder.js';
import { vendorFiles } from '../../node/vendor/store.js';
import { formatBytes, plural } from '../amounts.js';
import { fail, ok, warn, type Check } from './check.js';

/** What lies in a vendor folder: who can read it, whether there is room, and what was left behind. */

/** Files that somebody else can read or change. @param folder absolute */
export async function checkModes(folder: string): Promise<Check[]> {
  if (process.platform === 'win32') return [];
  const found: Check[] = [];
  const own = await stat(folder);
  if ((own.mode & 0o022) !== 0) {
    found.push(fail('modes', `others can put files into ${folder}`, `Run: chmod 700 ${folder}`));
  }
  const beside = ['-wal', '-shm'].map((end) => `${vendorFiles.ledger}${end}`);
  for (const name of [...Object.values(vendorFiles), ...beside]) {
    const file = await stat(join(folder, name)).catch(() => undefined);
    if (!file) continue;
    const wanted = modeOf(name);
    const more = file.mode & 0o777 & ~wanted;
    if (more === 0) continue;
    const next = `Run: chmod ${wanted.toString(8)} ${join(folder, name)}`;
    const secret = (wanted & 0o044) === 0;
    found.push(
      secret
        ? fail('modes', `others can read ${name}, and secrets are in it`, next)
        : warn('modes', `others can write ${name}`, next),
    );
  }
  return found.length > 0 ? found : [ok('modes', 'what is secret is for its owner only')];
}

/** Below it nothing is written soon. */
const littleRoom = 1_000_000_000;
const noRoom = 100_000_000;

/** @param folder absolute */
export async function checkRoom(folder: string): Promise<Check[]> {
  const { bavail, bsize } = await statfs(folder);
  const room = bavail * bsize;
  const ledger = await stat(join(folder, vendorFiles.ledger)).catch(() => undefined);
  const size = ledger?.size ?? 0;
  const said = `${formatBytes(room)} are free, the ledger has ${formatBytes(size)}`;
  const next = 'Free some disk space: a ledger that cannot write accepts no payment.';
  if (room < noRoom) return [fail('disk', said, next)];
  return [room < littleRoom + size ? warn('disk', said, next) : ok('disk', said)];
}

export async function checkRoutes({ path, settings }: VendorFolder): Promise<Check[]> {
  const missing: Check[] = [];
  for (const route of settings.routes) {
    const folder = isAbsolute(route.folder) ? route.folder : join(path, route.folder);
    if (await exists(folder)) continue;
    const next = `Make ${folder}, or take the route out of vendor.json.`;
    missing.push(warn('routes', `${route.path} leads to ${folder}, which is not there`, next));
  }
  if (missing.length > 0) return missing;
  return [ok('routes', `${plural(settings.routes.length, 'route')} for files`)];
}

/** Who was killed while it wrote left a draft. */
export async function checkLeftovers(folder: string): Promise<Check[]> {
  const drafts = (await readdir(folder)).filter((name) => name.endsWith('.new'));
  if (drafts.length === 0) return [];
  const next = 'Run any `impuls keys` command once no other runs, or delete them: they may hold secrets.';
  return [
    warn('leftovers', `${drafts.join(', ')} ${drafts.length === 1 ? 'was' : 'were'} left behind`, next),
  ];
}
