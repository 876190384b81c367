import { isImpulsError } from 'impuls';
import type { CardSummary, ExchangePlan, Progress, Refund } from 'impuls/client';
import { useState } from 'preact/hooks';
import { formatCount, formatUnits, formatWorth, plural } from '../../common/money.js';
import { explain, repeat, type Problem } from '../../common/problems.js';
import type { Store } from '../store.js';
import type { VendorFace } from '../vendor.js';
import { GoodNotice, ProblemNotice } from './notices.js';
import { ProgressBar } from './progress.js';

type Purpose = 'exchange' | 'refund';

const titles: Readonly<Record<Purpose, string>> = {
  exchange: 'Exchange leftovers for new cards',
  refund: 'Have what is left paid out',
};

const waits = [
  { label: 'up to 2 minutes', mostMs: 120_000 },
  { label: 'up to an hour', mostMs: 3_600_000 },
  { label: 'not at all', mostMs: 0 },
] as const;

/** Units go back to the vendor: for new cards, or for money. Nothing is done before its plan was looked at. */
export function Giving({
  store,
  vendor,
  onRefund,
}: {
  readonly store: Store;
  readonly vendor: VendorFace;
  readonly onRefund: (refund: Refund) => void;
}) {
  const [purpose, setPurpose] = useState<Purpose>();
  const [plan, setPlan] = useState<ExchangePlan>();
  const [wait, setWait] = useState(0);
  const [progress, setProgress] = useState<Progress>();
  const [problem, setProblem] = useState<Problem>();
  const [made, setMade] = useState<readonly CardSummary[]>();
  const { wallet } = store;

  async function attempt(task: () => Promise<void>): Promise<void> {
    setProblem(undefined);
    setMade(undefined);
    try {
      await task();
    } catch (error) {
      setProblem(isImpulsError(error, 'no-card') ? repeat(error) : explain(error));
    } finally {
      setProgress(undefined);
    }
  }

  const look = (wanted: Purpose): Promise<void> =>
    attempt(async () => {
      setPurpose(wanted);
      setPlan(undefined);
      const found = await (wanted === 'exchange'
        ? wallet.planExchange(vendor.origin)
        : wallet.planRefund(vendor.origin));
      setPlan(found);
    });

  const give = (): Promise<void> =>
    attempt(async () => {
      setProgress({ step: 'deposit', done: 0, total: 1 });
      if (purpose === 'refund') onRefund(await wallet.refund(vendor.origin, { onProgress: setProgress }));
      else {
        const { mostMs } = waits[wait]!;
        const delay = mostMs === 0 ? ('none' as const) : { leastMs: mostMs / 6, mostMs };
        setMade(await wallet.exchange(vendor.origin, { delay, onProgress: setProgress }));
      }
      setPlan(undefined);
      setPurpose(undefined);
    });

  if (!vendor.takesBack) return null;
  return (
    <details class="others">
      <summary>Exchange or refund</summary>
      <section class="sheet" aria-label="Exchange or refund">
        <p>
          What is left on used cards becomes new cards, signed blind: no message links them to the old ones.
          {vendor.refunds && ' Or the vendor pays it out, to whoever shows the reference that you get.'}
        </p>
        <div class="row">
          {(['exchange', 'refund'] as const)
            .filter((name) => name === 'exchange' || vendor.refunds)
            .map((name) => (
              <button
                key={name}
                type="button"
                aria-pressed={purpose === name}
                disabled={progress !== undefined}
                onClick={() => void look(name)}
              >
                {titles[name]}
              </button>
            ))}
        </div>
        {plan && purpose && !progress && (
          <div class="field">
            <PlanText plan={plan} purpose={purpose} />
            {purpose === 'exchange' && (
              <p>
                <label for="wait">Wait before the new cards are ordered: </label>
                <select
                  id="wait"
                  value={String(wait)}
                  onChange={(event) => setWait(Number(event.currentTarget.value))}
                >
                  {waits.map(({ label }, i) => (
                    <option key={label} value={String(i)}>
                      {label}
                    </option>
                  ))}
                </select>
              </p>
            )}
            <div class="row">
              <button type="button" class="primary" onClick={() => void give()}>
                {purpose === 'exchange' ? 'Exchange' : `Give back ${formatUnits(plan.units)}`}
              </button>
              <button type="button" onClick={() => setPlan(undefined)}>
                Cancel
              </button>
            </div>
          </div>
        )}
        {progress && <ProgressBar progress={progress} />}
        {progress?.step === 'wait' && (
          <p class="faint">You may close the page: it goes on when it is opened again later.</p>
        )}
        <div role="status">
          {made && (
            <GoodNotice>
              <p>
                {plural(made.length, 'new card')} with{' '}
                {formatUnits(made.reduce((sum, card) => sum + card.units, 0))}.
              </p>
            </GoodNotice>
          )}
        </div>
        {problem && <ProblemNotice problem={problem} />}
      </section>
    </details>
  );
}

function PlanText({ plan, purpose }: { readonly plan: ExchangePlan; readonly purpose: Purpose }) {
  const kept = plan.takes.reduce((sum, { left }) => sum + left, 0);
  const sizes = [...new Set(plan.into)].map((size) => {
    return `${formatCount(plan.into.filter((one) => one === size).length)} × ${formatUnits(size)}`;
  });
  return (
    <>
      <p>
        <strong>
          {formatUnits(plan.units)} ({formatWorth(plan.worth)})
        </strong>{' '}
        from {plural(plan.takes.length, 'card')}
        {purpose === 'exchange'
          ? ` become ${sizes.join(' and ')}.`
          : ' go back, and nothing is left on them.'}
        {kept > 0 && ` ${formatUnits(kept)} stay where they are.`}
      </p>
      {plan.links.length > 0 && (
        <>
          <p>What the vendor could still tell:</p>
          <ul class="plain">
            {plan.links.map((link) => (
              <li key={link}>{link}</li>
            ))}
          </ul>
        </>
      )}
    </>
  );
}
