import type { VendorFolder } from '../../node/vendor/folder.js';
import type { FailureGauge } from '../../server/index.js';
import { formatCount, plural } from '../amounts.js';
import { askAdmin, askEvery } from '../serving/admin-socket.js';
import { sumFailures } from '../serving/server-sums.js';
import { ok, warn, type Check } from './check.js';

/** What a running server says of itself. */
export async function checkServer({ path }: VendorFolder): Promise<Check[]> {
  const told = (await askEvery(path, { do: 'status' })) as ReadonlyArray<{ readonly failures: FailureGauge }>;
  if (told.length === 0) return [ok('server', 'none runs on this folder, or none that can be asked')];
  const { level, limit, blockedSources } = sumFailures(told.map(({ failures }) => failures));
  const checks: Check[] = [ok('server', told.length === 1 ? 'it runs' : `${told.length} run`)];
  if (blockedSources > 0 || level + 1 > limit) {
    const what = `${formatCount(Math.ceil(level))} wrong vouchers lately, ${plural(blockedSources, 'source')} stopped`;
    checks.push(
      warn('guessing', what, 'See `impuls vendor status`; behind a proxy, serve with --client-header.'),
    );
  }
  const asked = await askAdmin(path, { do: 'quarantined' });
  const held = (asked?.ok ?? []) as readonly string[];
  if (held.length > 0) {
    const next = 'Decide: impuls help vendor quarantine.';
    checks.push(warn('quarantine', `cards of ${plural(held.length, 'key')} are held since a restore`, next));
  }
  return checks;
}
