import { issuingKeys, isIssuing, revocationOf } from '../../core/key-life.js';
import type { KeyDocument } from '../../core/key-document.js';
import type { VendorFolder } from '../../node/vendor/folder.js';
import { formatDay, plural } from '../amounts.js';
import { fail, ok, warn, type Check } from './check.js';

/** Whether cards can be issued now and soon. Times are Unix seconds. */

const soon = 30 * 86_400;
/** An activation key is to be replaced some times a year. */
const longLife = 400 * 86_400;

export function checkKeys({ document, retired }: VendorFolder, now: number): Check[] {
  const units = [...new Set(document.cards.map(({ denomination }) => denomination))].sort((a, b) => a - b);
  const life = units.map((denomination) => checkDenomination(document, denomination, now));
  const since = retired.at(-1)?.time ?? Math.min(...document.cards.map(({ notBefore }) => notBefore));
  const age = now - since;
  const activation =
    age > longLife
      ? warn(
          'activation key',
          `it is in use since ${formatDay(since)}`,
          'Run: impuls keys rotate --activation',
        )
      : ok('activation key', `in use since ${formatDay(since)}`);
  return [...life, activation];
}

function checkDenomination(document: KeyDocument, denomination: number, now: number): Check {
  const name = `cards of ${denomination}`;
  const isOurs = (key: { readonly denomination: number }): boolean => key.denomination === denomination;
  const live = issuingKeys(document, now).filter(isOurs);
  const rotate = `Run: impuls keys rotate --denominations ${denomination}`;
  if (live.length === 0) return fail(name, 'no key issues them', rotate);
  const end = Math.max(...live.map(({ notAfter }) => notAfter));
  const follows = document.cards
    .filter(isOurs)
    .some((key) => isIssuing(key, Math.max(end, now), revocationOf(document, key.id)));
  const said = `${plural(live.length, 'key')}, the last until ${formatDay(end)}`;
  if (end - now < soon && !follows) return warn(name, `${said}, and none follows`, rotate);
  return ok(name, said);
}

/** A clock that runs behind shows in what was written before. */
export function checkClock({ document, retired }: VendorFolder, newest: number, now: number): Check {
  const last = Math.max(
    newest,
    ...retired.map(({ time }) => time),
    ...(document.revoked ?? []).map(({ time }) => time),
  );
  if (last > now + 60) {
    const what = `this clock is behind: files were written ${last - now} seconds from now`;
    return fail('clock', what, 'Set the clock, and keep it with NTP: it decides what has expired.');
  }
  return ok('clock', `${new Date(now * 1000).toISOString().slice(0, 19)}Z, after all that was written`);
}
