import { isImpulsError, type ErrorCode } from '../core/errors.js';

/** A failure as it is told: what happened, and the next move. */
export interface Failure {
  readonly code: ErrorCode | 'internal';
  readonly what: string;
  readonly next: string;
}

/** The next move, where an error does not bring a better one of its own. */
const moves: Readonly<Record<ErrorCode, string>> = {
  malformed: 'Check that it was copied whole, without changes.',
  'too-large': 'Send less at once.',
  unsupported: 'Update impuls, or ask the vendor which version it speaks.',
  'bad-signature': 'Do not use what was signed; ask the vendor.',
  'bad-seal': 'Send the same request again; it is not charged twice.',
  'bad-key': 'Ask the vendor: its keys do not hold.',
  'bad-document': 'Compare the key document over another network before you trust this vendor.',
  'order-unknown': 'Check the code for a typing mistake.',
  'order-served':
    'Each voucher is good once; if you redeemed it, run `impuls recover` with the wallet that did.',
  'order-mismatch': 'Run the same command again.',
  throttled: 'Wait a minute, then try again.',
  'card-unknown': 'See `impuls cards` for the cards that are there.',
  'card-expired': 'Redeem a new voucher: `impuls redeem <vendor> <code>`.',
  'card-conflict': 'Ask the vendor.',
  'key-retired': 'Run the same command again: the key document is fetched anew.',
  'vendor-restored': 'Ask the vendor: it was restored from a backup, and holds what it cannot know.',
  'limit-exceeded': 'Raise --max if the price is right.',
  'no-card':
    'Redeem a voucher: `impuls redeem <vendor> <code>`. If payments are open, `impuls recover` first.',
  unsettled: 'Run `impuls recover` when the vendor can be reached: it is never charged twice.',
  'payment-refused': 'Run it again with -v to see what the vendor says.',
  'outcome-unknown': 'It was charged; ask the vendor whether it was done before you send it again.',
  'already-served': 'It was charged and answered before; send a new request if you need a new answer.',
  'storage-corrupt': 'Nothing was changed: put the file back from a backup.',
  'storage-locked': 'Wait for the other program that uses it, or end it.',
  'storage-failed': 'Check that the disk has room and that the file is yours.',
  'invalid-argument': 'See `impuls help`.',
  network: 'Check the address, and that the vendor is up.',
};

/** Where the library's hint speaks to programmers, and a command does it. */
const ours: ReadonlySet<ErrorCode> = new Set(['limit-exceeded', 'no-card', 'unsettled']);

export function explain(error: unknown, argv: readonly string[]): Failure {
  if (isImpulsError(error)) {
    const { code, message, hint } = error;
    return { code, what: message, next: hint === undefined || ours.has(code) ? moves[code] : hint };
  }
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  return {
    code: 'internal',
    what: process.env['IMPULS_DEBUG'] && stack ? stack : `unexpected: ${message}`,
    next: `This is a fault of impuls. Run \`IMPULS_DEBUG=1 impuls ${argv[0] ?? ''} …\` and report what it says.`,
  };
}
