import type { Payment } from 'impuls/client';
import { useState } from 'preact/hooks';
import { addWorths, formatMoment, formatUnits, formatWorth, plural } from '../../common/money.js';
import type { Snapshot } from '../store.js';

const atOnce = 50;

/** What was paid, newest first. It is in this browser only. */
export function History({ snapshot }: { readonly snapshot: Snapshot }) {
  const { history } = snapshot;
  const [shown, setShown] = useState(atOnce);
  if (history.length === 0) {
    return (
      <p class="lead">
        Nothing paid yet. Payments that pages of this vendor make are listed here, each with its amount.
      </p>
    );
  }
  const worth = addWorths(history.map((payment) => payment.worth));
  const units = history.reduce((sum, payment) => sum + payment.units, 0);
  return (
    <>
      <p class="lead">
        {plural(history.length, 'payment')}, {formatUnits(units)}
        {worth && `, ${formatWorth(worth)}`}. This list is kept in this browser only.
      </p>
      <div class="sheet">
        <table>
          <caption class="visually-hidden">Payments, newest first</caption>
          <thead>
            <tr>
              <th scope="col">For</th>
              <th scope="col" class="number">
                Paid
              </th>
            </tr>
          </thead>
          <tbody>
            {history.slice(0, shown).map((payment) => (
              <Row key={payment.reference} payment={payment} />
            ))}
          </tbody>
        </table>
        {shown < history.length && (
          <button type="button" onClick={() => setShown(shown + atOnce)}>
            Show {Math.min(atOnce, history.length - shown)} more
          </button>
        )}
      </div>
    </>
  );
}

function Row({ payment }: { readonly payment: Payment }) {
  const { time, url, units, worth, verdict } = payment;
  return (
    <tr>
      <td class="what" title={url}>
        {nameOf(url)}
        <time class="faint" dateTime={new Date(time).toISOString()}>
          {formatMoment(time)}
        </time>
        {verdict === 'outcome-unknown' && (
          <span class="warn-text"> charged; the vendor stopped in the middle</span>
        )}
        {verdict === 'already-claimed' && <span class="warn-text"> charged; not served again</span>}
      </td>
      <td class="number">
        {formatUnits(units)} <span class="faint">{formatWorth(worth)}</span>
      </td>
    </tr>
  );
}

/** What a person recognises of an address. */
function nameOf(url: string): string {
  const { origin, host, pathname, search } = new URL(url);
  const [, key] = /^\/impuls\/keys\/([\w-]+)$/.exec(pathname) ?? [];
  const what = key === undefined ? pathname + search : `Content key ${key.slice(0, 8)}`;
  return origin === location.origin ? what : `${host} ${what}`;
}
