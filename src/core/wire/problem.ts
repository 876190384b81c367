import { malformed, type ErrorCode } from '../errors.js';
import { limits } from '../limits.js';
import { parseJson, type JsonObject, type JsonValue } from './canonical-json.js';
import { expectObject } from './json-members.js';

/** Problem documents (RFC 9457): those of the `Payment` scheme, and ours. */

const paymentAuth = 'https://paymentauth.org/problems/';
const ours = 'urn:impuls:problem:';

interface ProblemKind {
  readonly type: string;
  readonly title: string;
  readonly status: number;
}

function kind(status: number, type: string, title: string): ProblemKind {
  return { type, title, status };
}

/** By code: the type, the title and the status that it is sent with. Every 402 comes with a fresh challenge. */
export const problems = {
  'payment-required': kind(402, `${paymentAuth}payment-required`, 'Payment required'),
  'payment-insufficient': kind(402, `${paymentAuth}payment-insufficient`, 'Payment insufficient'),
  'payment-expired': kind(402, `${paymentAuth}payment-expired`, 'Payment expired'),
  'verification-failed': kind(402, `${paymentAuth}verification-failed`, 'Verification failed'),
  'malformed-credential': kind(402, `${paymentAuth}malformed-credential`, 'Malformed credential'),
  'invalid-challenge': kind(402, `${paymentAuth}invalid-challenge`, 'Invalid challenge'),
  'invalid-payload': kind(402, `${paymentAuth}invalid-payload`, 'Invalid payload'),
  'method-unsupported': kind(400, `${paymentAuth}method-unsupported`, 'Payment method unsupported'),

  'claim-conflict': kind(409, `${ours}claim-conflict`, 'Another claim holds these units'),
  'claim-in-progress': kind(409, `${ours}claim-in-progress`, 'This claim is in progress'),
  'claim-released': kind(409, `${ours}claim-released`, 'This claim was released'),
  'claim-crowded': kind(409, `${ours}claim-crowded`, 'The card has too many gaps'),
  'vendor-restored': kind(409, `${ours}vendor-restored`, 'The vendor was restored from a backup'),
  'already-done': kind(409, `${ours}already-done`, 'Paid and done before'),
  'already-claimed': kind(409, `${ours}already-claimed`, 'Paid before'),
  'outcome-unknown': kind(409, `${ours}outcome-unknown`, 'The outcome is unknown'),
  'meter-waiting': kind(409, `${ours}meter-waiting`, 'The meter has used nothing of this claim'),
  'meter-ended': kind(410, `${ours}meter-ended`, 'The meter is over'),
  overloaded: kind(503, `${ours}overloaded`, 'Too much to do'),
  'ledger-unavailable': kind(503, `${ours}ledger-unavailable`, 'The ledger cannot answer'),

  'order-unknown': kind(403, `${ours}order-unknown`, 'No such order'),
  'order-served': kind(409, `${ours}order-served`, 'The order was served with other cards'),
  'order-mismatch': kind(400, `${ours}order-mismatch`, 'Not the cards of the order'),
  'card-unknown': kind(404, `${ours}card-unknown`, 'No such card'),
  'card-expired': kind(410, `${ours}card-expired`, 'The card has expired'),
  'key-retired': kind(410, `${ours}key-retired`, 'The key has retired'),

  malformed: kind(400, `${ours}malformed`, 'Malformed request'),
  forbidden: kind(403, `${ours}forbidden`, 'Forbidden'),
  'not-found': kind(404, `${ours}not-found`, 'Not found'),
  'method-not-allowed': kind(405, `${ours}method-not-allowed`, 'Method not allowed'),
  'body-too-large': kind(413, `${ours}body-too-large`, 'Body too large'),
  'target-too-long': kind(414, `${ours}target-too-long`, 'Target too long'),
  'idempotency-key-reused': kind(422, `${ours}idempotency-key-reused`, 'Idempotency-Key used before'),
  throttled: kind(429, `${ours}throttled`, 'Too many attempts'),
} as const satisfies Record<string, ProblemKind>;

export type ProblemCode = keyof typeof problems;

const codeByType = new Map<string, ProblemCode>();
for (const code of Object.keys(problems) as ProblemCode[]) codeByType.set(problems[code].type, code);

const problemByError: Partial<Record<ErrorCode, ProblemCode>> = {
  malformed: 'malformed',
  'too-large': 'body-too-large',
  unsupported: 'malformed',
  'bad-signature': 'malformed',
  'bad-seal': 'malformed',
  'bad-key': 'malformed',
  'order-unknown': 'order-unknown',
  'order-served': 'order-served',
  'order-mismatch': 'order-mismatch',
  throttled: 'throttled',
  'card-unknown': 'card-unknown',
  'card-expired': 'card-expired',
  'key-retired': 'key-retired',
  'vendor-restored': 'vendor-restored',
  'storage-failed': 'ledger-unavailable',
};

/** The problem that tells a client of an error at one of the vendor's own endpoints; null for one that does not travel. */
export function problemOfError(code: ErrorCode): ProblemCode | null {
  return problemByError[code] ?? null;
}

/**
 * The body of a reply of type `application/problem+json`.
 *
 * @param detail what is particular to this occurrence, for a person
 * @param extra further members for programs; it cannot replace the standard ones
 */
export function formatProblem(code: ProblemCode, detail?: string, extra: JsonObject = {}): string {
  const standard = { ...problems[code], detail };
  // Spread twice: the standard members come first, and they prevail.
  return JSON.stringify({ ...standard, ...extra, ...standard });
}

/** A problem document as received. Nothing in it is authenticated. */
export interface Problem {
  /** Which of the table it is; undefined for a type of others. */
  readonly code: ProblemCode | undefined;
  readonly type: string;
  readonly title: string | undefined;
  readonly status: number | undefined;
  readonly detail: string | undefined;
  /** The whole document. */
  readonly members: JsonObject;
}

/**
 * Members of the wrong kind are ignored, as RFC 9457 §3.1 asks.
 *
 * @param text at most 64 KiB
 * @throws ImpulsError `malformed` if it is not a JSON object
 */
export function parseProblem(text: string): Problem {
  if (text.length > limits.endpointBytes) throw malformed('a problem document is too long');
  const members = expectObject(parseJson(text), 'problem');
  const type = textOrNothing(members['type']) ?? 'about:blank';
  const status = members['status'];
  return {
    code: codeByType.get(type),
    type,
    title: textOrNothing(members['title']),
    status: typeof status === 'number' ? status : undefined,
    detail: textOrNothing(members['detail']),
    members,
  };
}

function textOrNothing(value: JsonValue | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
