import { formatBytes } from './amounts.js';
import type { Bar } from './bar.js';

/** How often a bar moves at the most on its way. */
const steps = 200;

/** Shows bytes on a bar, moved no more often than is seen. @returns to be told of every byte; @param total undefined: not known */
export function byteProgress(bar: Bar): (label: string, done: number, total: number | undefined) => void {
  let shown = -1;
  let last = '';
  return (label, done, total) => {
    const step =
      total === undefined ? Math.floor(done / 4_000_000) : Math.floor((done * steps) / Math.max(total, 1));
    if (step === shown && label === last) return;
    shown = step;
    last = label;
    if (total === undefined) bar.update(`${formatBytes(done)} ${label}`, 0, 1);
    else bar.update(label, done, total, formatBytes);
  };
}
