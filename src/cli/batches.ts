import { ImpulsError } from '../core/errors.js';
import type { Batch, CodeRun } from '../server/index.js';
import { formatCount, formatUnits, plural } from './amounts.js';
import { wholeNumber } from './command.js';
import type { BatchDesk } from './serving/batch-desk.js';

/** What the batch commands share. */

export interface Serials {
  readonly from: number;
  readonly to: number;
}

/** Reads `1-100,150`. @throws ImpulsError `invalid-argument` */
export function parseSerials(text: string): Serials[] {
  return text.split(',').map((part) => {
    const [, from, to = from] = /^\s*(\d+)(?:\s*-\s*(\d+))?\s*$/.exec(part) ?? [];
    if (from === undefined || to === undefined) {
      throw new ImpulsError('invalid-argument', `"${part}" is no range of serials`, {
        hint: 'Say --serials 1-100, or --serials 1-100,150.',
      });
    }
    const range = { from: wholeNumber(from, 'a serial'), to: wholeNumber(to, 'a serial') };
    if (range.from > range.to) {
      throw new ImpulsError('invalid-argument', `${part} goes backwards`, {
        hint: `Say ${range.to}-${range.from}.`,
      });
    }
    return range;
  });
}

export function formatSerials(ranges: readonly Serials[]): string {
  return ranges.map(({ from, to }) => (from === to ? String(from) : `${from}-${to}`)).join(', ');
}

export function sizeOf({ codes }: Batch): number {
  return codes.printed + codes.active + codes.void + codes.redeemed;
}

/** @throws ImpulsError `invalid-argument` if it is not there */
export async function findBatch(desk: BatchDesk, word: string): Promise<Batch> {
  const number = wholeNumber(word, 'the number of a batch');
  const batch = (await desk.readBatches()).find((one) => one.number === number);
  if (batch) return batch;
  throw new ImpulsError('invalid-argument', `there is no batch ${number}`, {
    hint: 'See `impuls batch list` for those that are there.',
  });
}

/** Serials that are read at once. */
const share = 10_000;

/** The codes of a whole batch in runs. */
export async function readRuns(desk: BatchDesk, batch: Batch): Promise<CodeRun[]> {
  const runs: CodeRun[] = [];
  const size = sizeOf(batch);
  for (let from = 1; from <= size; from += share) {
    for (const run of await desk.readCodes(batch.number, from, Math.min(size, from + share - 1))) {
      const last = runs.at(-1);
      if (last?.state === run.state) runs[runs.length - 1] = { ...last, to: run.to };
      else runs.push(run);
    }
  }
  return runs;
}

export function describeItems({ items }: Pick<Batch, 'items'>): string {
  return items
    .map(({ denomination, count }) =>
      count === 1 ? formatUnits(denomination) : `${formatCount(count)} × ${formatUnits(denomination)}`,
    )
    .join(', ');
}

export function describeCodes({ codes }: Pick<Batch, 'codes'>): string {
  const parts = (['printed', 'active', 'redeemed', 'void'] as const).filter((state) => codes[state] > 0);
  return parts.length === 0
    ? 'no codes'
    : parts.map((state) => `${formatCount(codes[state])} ${state}`).join(', ');
}

/** The last second of a batch, for `formatDay`. */
export function lastSecond({ expires }: Pick<Batch, 'expires'>): number {
  return expires - 1;
}

export function describeBatch(batch: Batch): string {
  return `batch ${batch.number}, ${plural(sizeOf(batch), 'code')} of ${describeItems(batch)}`;
}
