import type { Refund } from 'impuls/client';
import { useEffect, useState } from 'preact/hooks';
import { formatDay, formatUnits, formatWorth } from '../../common/money.js';
import { explain, type Problem } from '../../common/problems.js';
import type { Store } from '../store.js';
import { ProblemNotice } from './notices.js';
import { QrCode } from './qr-code.js';

/** The references of refunds, to be shown to the vendor. @property last the one that was made just now */
export function Refunds({ store, last }: { readonly store: Store; readonly last?: Refund }) {
  const [refunds, setRefunds] = useState<readonly Refund[]>([]);
  const [problem, setProblem] = useState<Problem>();

  const read = (): void => {
    store.wallet
      .refunds()
      .then(setRefunds)
      .catch((error: unknown) => setProblem(explain(error)));
  };
  useEffect(() => {
    read();
    return store.subscribe(read);
  }, [store, last]);

  async function forget(reference: string): Promise<void> {
    try {
      await store.wallet.forgetRefund(reference);
      read();
    } catch (error) {
      setProblem(explain(error));
    }
  }

  if (refunds.length === 0 && !problem) return null;
  return (
    <section class="sheet" aria-labelledby="refunds-title">
      <h2 id="refunds-title">To be paid out</h2>
      <p>Show the reference to the vendor, and to nobody else: who has it is paid.</p>
      <ul class="plain">
        {refunds.map(({ reference, units, worth, time, isComplete }) => (
          <li key={reference} class="refund">
            <p>
              <strong>{formatWorth(worth)}</strong> for {formatUnits(units)}, {formatDay(time)}
            </p>
            <p class="code">{reference}</p>
            <details>
              <summary>Show as a QR code</summary>
              <QrCode text={reference} label={`The reference ${reference} as a QR code`} />
            </details>
            {isComplete ? (
              <button type="button" class="small" onClick={() => void forget(reference)}>
                It is paid: forget it
              </button>
            ) : (
              <p class="held">It is not finished yet. Load the page again.</p>
            )}
          </li>
        ))}
      </ul>
      {problem && <ProblemNotice problem={problem} />}
    </section>
  );
}
