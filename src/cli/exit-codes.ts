import type { ErrorCode } from '../core/errors.js';

/** What a program that runs `impuls` can rely on. */
export const exitCodes = {
  ok: 0,
  failure: 1,
  usage: 2,
  refused: 3,
  noUnits: 4,
  unsettled: 5,
  network: 6,
  storage: 7,
} as const;

export const exitCodeMeanings: ReadonlyArray<readonly [code: number, meaning: string]> = [
  [exitCodes.ok, 'It is done.'],
  [
    exitCodes.failure,
    'It failed: a bad voucher, a bad signature, an answer that was charged and lost, a failed check.',
  ],
  [exitCodes.usage, 'The command line is not understood, or names what is not there.'],
  [
    exitCodes.refused,
    'Not paid: it costs more than --max, or the vendor refused the payment. Nothing was charged.',
  ],
  [exitCodes.noUnits, 'Not paid: no card of that vendor has enough units left.'],
  [exitCodes.unsettled, 'It is not known whether the vendor charged. Run `impuls recover`.'],
  [exitCodes.network, 'The vendor could not be reached, or no copy of its keys to compare them with.'],
  [exitCodes.storage, 'The wallet or the ledger is in use, corrupt, or cannot be written.'],
];

const byError: Readonly<Partial<Record<ErrorCode, number>>> = {
  'invalid-argument': exitCodes.usage,
  'limit-exceeded': exitCodes.refused,
  'payment-refused': exitCodes.refused,
  'vendor-restored': exitCodes.refused,
  'no-card': exitCodes.noUnits,
  'card-expired': exitCodes.noUnits,
  unsettled: exitCodes.unsettled,
  network: exitCodes.network,
  'storage-corrupt': exitCodes.storage,
  'storage-locked': exitCodes.storage,
  'storage-failed': exitCodes.storage,
};

export function exitCodeOf(code: ErrorCode): number {
  return byError[code] ?? exitCodes.failure;
}
