/**
 * Every way in which impuls refuses. The code is stable and for programs; the message is for people.
 * `wire/problem.ts` maps the codes that travel to RFC 9457 problem documents.
 */
export type ErrorCode =
  // what arrived is not what the protocol says
  | 'malformed'
  | 'too-large'
  | 'unsupported'
  // signatures, seals and keys
  | 'bad-signature'
  | 'bad-seal'
  | 'bad-key'
  | 'bad-document'
  // orders
  | 'order-unknown'
  | 'order-served'
  | 'order-mismatch'
  | 'throttled'
  // cards
  | 'card-unknown'
  | 'card-expired'
  | 'card-conflict'
  | 'key-retired'
  | 'vendor-restored'
  // paying, as the wallet sees it
  | 'limit-exceeded'
  | 'no-card'
  | 'payment-refused'
  | 'outcome-unknown'
  | 'already-served'
  | 'unsettled'
  // storage
  | 'storage-corrupt'
  | 'storage-locked'
  | 'storage-failed'
  // the caller's own mistake
  | 'invalid-argument'
  | 'network';

export interface ImpulsErrorOptions {
  /** What to do next, one imperative sentence for a person. */
  readonly hint?: string;
  readonly cause?: unknown;
}

/** The only error that impuls throws on purpose. Messages never hold a secret. */
export class ImpulsError extends Error {
  override readonly name = 'ImpulsError';
  readonly code: ErrorCode;
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, options: ImpulsErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
  }
}

/** True for an `ImpulsError`, also one of another copy of this package; with `code`, only for that code. */
export function isImpulsError(error: unknown, code?: ErrorCode): error is ImpulsError {
  return (
    error instanceof Error &&
    error.name === 'ImpulsError' &&
    'code' in error &&
    typeof error.code === 'string' &&
    (code === undefined || error.code === code)
  );
}

export function malformed(what: string, cause?: unknown): ImpulsError {
  return new ImpulsError('malformed', what, { cause });
}
