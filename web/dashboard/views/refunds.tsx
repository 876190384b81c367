import { useState } from 'preact/hooks';
import { formatDay, plural } from '../../common/money.js';
import type { RefundSum } from '../api.js';
import type { Data } from '../data.js';
import { unitsAndWorth, worth } from '../words.js';
import { Refusal } from './dialog.js';
import { useTask } from './task.js';

/** Units that came back to be paid out. Who brings the reference is paid: the vendor has no other name of them. */
export function Refunds({ data }: { readonly data: Data }) {
  const { refunds, vendor } = data.state;
  const open = refunds.filter(({ paid }) => paid === undefined);
  const total = open.reduce((sum, { units }) => sum + units, 0);
  return (
    <div class="charts">
      <PayOut data={data} />
      <section class="sheet two" aria-labelledby="open-title">
        <h2 id="open-title">
          {open.length === 0
            ? 'Nothing to pay out'
            : `${plural(open.length, 'refund')} to pay out, ${worth(total, vendor.unit)}`}
        </h2>
        {refunds.length === 0 ? (
          <p class="faint">
            A wallet can give back what is left on its cards. It shows a reference for it, which its owner
            brings to you.
          </p>
        ) : (
          <div class="scroll tall" tabIndex={0} role="region" aria-label="All refunds, newest first">
            <table>
              <thead>
                <tr>
                  <th scope="col">Given back</th>
                  <th scope="col" class="number">
                    Amount
                  </th>
                  <th scope="col">Paid out</th>
                </tr>
              </thead>
              <tbody>
                {[...refunds].reverse().map((refund, i) => (
                  <Row key={i} refund={refund} data={data} />
                ))}
              </tbody>
            </table>
          </div>
        )}
      </section>
    </div>
  );
}

function Row({ refund, data }: { readonly refund: RefundSum; readonly data: Data }) {
  const { units, at, paid, held } = refund;
  return (
    <tr>
      <td>{formatDay(at * 1000)}</td>
      <td class="number" title={unitsAndWorth(units, data.state.vendor.unit)}>
        {worth(units, data.state.vendor.unit)}
      </td>
      <td>
        {paid !== undefined ? formatDay(paid * 1000) : held ? 'held for now' : <strong>not yet</strong>}
      </td>
    </tr>
  );
}

interface Found extends RefundSum {
  readonly reference: string;
}

function PayOut({ data }: { readonly data: Data }) {
  const { unit } = data.state.vendor;
  const [reference, setReference] = useState('');
  const [found, setFound] = useState<Found>();
  const [said, setSaid] = useState('');
  const task = useTask();

  function find(event: Event): void {
    event.preventDefault();
    setSaid('');
    setFound(undefined);
    task.run(async () => setFound({ ...(await data.api.findRefund(reference)), reference }));
  }

  function pay({ reference: of, units }: Found): void {
    task.run(async () => {
      const outcome = await data.api.payRefund(of);
      const amount = unitsAndWorth(units, unit);
      setFound(undefined);
      setReference('');
      setSaid(outcome === 'paid' ? `Paid out: ${amount}.` : `It was paid out before: ${amount}.`);
      void data.refresh();
    });
  }

  return (
    <section class="sheet" aria-labelledby="pay-title">
      <h2 id="pay-title">Pay out</h2>
      <form onSubmit={find}>
        <label class="field">
          Reference
          <input
            class="code"
            autocomplete="off"
            spellcheck={false}
            required
            maxLength={64}
            placeholder="K7Q2M-8ZJ4D-5R1TN-W3XQ9"
            value={reference}
            onInput={({ currentTarget }) => setReference(currentTarget.value)}
          />
        </label>
        <div class="row">
          <button type="submit" disabled={task.isRunning}>
            Look it up
          </button>
        </div>
      </form>
      {found && (
        <div class="found">
          <p>
            <strong class="amount">{worth(found.units, unit)}</strong>
            <span class="faint"> given back {formatDay(found.at * 1000)}</span>
          </p>
          {found.paid !== undefined ? (
            <p>Paid out on {formatDay(found.paid * 1000)}: do not pay it again.</p>
          ) : found.held ? (
            <p>Held for now: do not pay it yet.</p>
          ) : (
            <>
              <p>Hand over the money, then mark it: it is paid out once.</p>
              <div class="row">
                <button type="button" class="primary" disabled={task.isRunning} onClick={() => pay(found)}>
                  Mark as paid out
                </button>
              </div>
            </>
          )}
        </div>
      )}
      <p role="status" class="said">
        {said}
      </p>
      {task.problem && <Refusal problem={task.problem} />}
    </section>
  );
}
