import type { Progress } from 'impuls/client';

const steps: Readonly<Record<Progress['step'], string>> = {
  document: 'Reading the keys of the vendor',
  order: 'Checking the code',
  blind: 'Making the card',
  issue: 'Having it signed',
  verify: 'Checking the signature',
  activate: 'Asking what is left',
  claim: 'Asking about open payments',
  deposit: 'Giving units back',
  wait: 'Waiting, so that the time says less',
};
const order = Object.keys(steps) as Progress['step'][];
/** The steps of a redemption. */
const ofRedemption = order.indexOf('verify') + 1;

/** @property whole `redeem`: all its steps are one bar */
export function ProgressBar({ progress, whole }: { readonly progress: Progress; readonly whole?: 'redeem' }) {
  const { step, done, total } = progress;
  const text = `${steps[step]}${total > 1 ? ` (${done + 1} of ${total})` : ''}…`;
  const value = whole
    ? (order.indexOf(step) + (total > 0 ? done / total : 0)) / ofRedemption
    : total > 0
      ? done / total
      : 0;
  return (
    <div class="progress">
      <p>{text}</p>
      <progress value={Math.max(0.05, value)} max={1} aria-label={steps[step]} />
    </div>
  );
}
