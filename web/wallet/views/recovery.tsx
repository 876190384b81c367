import type { RecoveryReport } from 'impuls/client';
import { useEffect, useState } from 'preact/hooks';
import { formatMoment, formatUnits, plural } from '../../common/money.js';
import { explain, type Problem } from '../../common/problems.js';
import type { Store } from '../store.js';
import { ProblemNotice } from './notices.js';

/** Finishes at opening what was interrupted, and says what came of it. */
export function Recovery({ store }: { readonly store: Store }) {
  const [report, setReport] = useState<RecoveryReport>();
  const [problem, setProblem] = useState<Problem>();
  const recover = (): void => {
    setProblem(undefined);
    store.wallet
      .recover()
      .then(setReport)
      .catch((error: unknown) => setProblem(explain(error)));
  };
  useEffect(recover, [store]);
  const next = Math.min(...(report?.waiting ?? []).map(({ until }) => until));
  useEffect(() => {
    if (next === Infinity) return;
    // What a browser can wait for in one piece.
    const timer = setTimeout(recover, Math.min(Math.max(next - Date.now(), 0) + 1000, 0x7fff_ffff));
    return () => clearTimeout(timer);
  }, [next]);
  const lines = report ? describeReport(report) : [];
  const open = report ? report.unfinished.length + count(report, 'unknown') : 0;
  return (
    <>
      <div role="status">
        {lines.length > 0 && (
          <div class={`notice ${open > 0 ? 'warn' : 'good'}`}>
            <p>
              <strong>{open > 0 ? 'Some things are still open' : 'Finished what was interrupted'}</strong>
            </p>
            <ul class="plain">
              {lines.map((line) => (
                <li key={line}>{line}</li>
              ))}
            </ul>
            <div class="row">
              {open > 0 && (
                <button type="button" onClick={recover}>
                  Try again
                </button>
              )}
              <button type="button" onClick={() => setReport(undefined)}>
                Close
              </button>
            </div>
          </div>
        )}
      </div>
      {problem && <ProblemNotice problem={problem} />}
    </>
  );
}

function count({ claims }: RecoveryReport, result: 'settled' | 'freed' | 'unknown'): number {
  return claims.filter((claim) => claim.result === result).length;
}

/** One line for each kind of thing; none if nothing was open. */
export function describeReport(report: RecoveryReport): string[] {
  const { redeemed, unfinished, activated, claims, waiting } = report;
  const lines: string[] = [];
  if (redeemed.length > 0) {
    const units = redeemed.reduce((sum, card) => sum + card.units, 0);
    lines.push(`What was cut off brought ${plural(redeemed.length, 'card')} with ${formatUnits(units)}.`);
  }
  if (unfinished.length > 0) {
    lines.push(
      `${plural(unfinished.length, 'redemption or exchange')} could not be finished yet. Nothing is lost.`,
    );
  }
  if (activated.length > 0) lines.push(`${plural(activated.length, 'card')} activated.`);
  if (waiting.length > 0) {
    const until = Math.max(...waiting.map(({ until: due }) => due));
    lines.push(`New cards of an exchange come by ${formatMoment(until)}, so that the time says less.`);
  }
  const charged = claims.reduce((sum, claim) => sum + claim.charged, 0);
  const settled = count(report, 'settled');
  const freed = count(report, 'freed');
  const unknown = count(report, 'unknown');
  if (settled > 0)
    lines.push(`${plural(settled, 'payment')} had gone through: ${formatUnits(charged)} in all.`);
  if (freed > 0) lines.push(`${plural(freed, 'payment')} had not gone through: nothing was charged.`);
  if (unknown > 0) {
    lines.push(`Of ${plural(unknown, 'payment')} it is not known yet. It is never charged twice.`);
  }
  return lines;
}
