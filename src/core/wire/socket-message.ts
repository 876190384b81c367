import { ImpulsError } from '../errors.js';
import { limits } from '../limits.js';
import { parseJson } from './canonical-json.js';
import { expectObject, expectText, expectUint32, optionalText } from './json-members.js';

/**
 * Requests and answers about payments as text messages of a WebSocket (docs/spec.md §11). Every other message, text or binary, is the
 * application's.
 */

/** Of the client. `id` names it to its answer, and is up to the client. */
export interface SocketRequest {
  readonly id: number;
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  /** Names in lower case; only those of `requestHeaders`. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Of the vendor. `id`: null for a request that could not be read. */
export interface SocketAnswer {
  readonly id: number | null;
  readonly status: number;
  /** Names in lower case; only those of `answerHeaders`. */
  readonly headers: Readonly<Record<string, string>>;
  /** A problem document, if it is a refusal. */
  readonly body: string | undefined;
}

/** No text of the application begins so. */
const reserved = '{"impuls":';
/** UTF-16 code units of either message: a credential or some challenges, and a problem document. */
export const maxSocketMessage = 32_768;

const requestHeaders = ['authorization', 'impuls-meter', 'accept-payment'] as const;
const answerHeaders = [
  'www-authenticate',
  'payment-receipt',
  'impuls-state',
  'impuls-meter',
  'retry-after',
  'date',
  'content-type',
] as const;

/** Codes with which a vendor closes a socket that it metered. */
export const socketCloses = {
  finished: 1000,
  /** No claim came in time; 4000 and the status for it. */
  unpaid: 4402,
  /** Nobody opened it in time. */
  unopened: 4408,
  /** The same meter goes on in another socket. */
  superseded: 4409,
} as const;

export function isReserved(text: string): boolean {
  return text.startsWith(reserved);
}

export function formatSocketRequest({ id, method, target, headers }: SocketRequest): string {
  return JSON.stringify({ impuls: 'request', id, method, target, headers: pick(headers, requestHeaders) });
}

/** @throws ImpulsError `malformed`, `too-large` */
export function parseSocketRequest(text: string): SocketRequest {
  const json = parseMessage(text, 'request');
  return {
    id: expectUint32(json['id'], 'id'),
    method: expectText(json['method'], 'method'),
    target: expectTarget(json['target']),
    headers: readHeaders(json['headers'], requestHeaders),
  };
}

export function formatSocketAnswer({ id, status, headers, body }: SocketAnswer): string {
  const said = { impuls: 'answer', id, status, headers: pick(headers, answerHeaders) };
  return JSON.stringify(body === undefined ? said : { ...said, body });
}

/** @throws ImpulsError `malformed`, `too-large` */
export function parseSocketAnswer(text: string): SocketAnswer {
  const json = parseMessage(text, 'answer');
  const status = expectUint32(json['status'], 'status');
  if (status < 200 || status > 599) throw new ImpulsError('malformed', 'no status of an answer');
  return {
    id: json['id'] === null ? null : expectUint32(json['id'], 'id'),
    status,
    headers: readHeaders(json['headers'], answerHeaders),
    body: optionalText(json['body'], 'body'),
  };
}

function parseMessage(text: string, kind: 'request' | 'answer'): ReturnType<typeof expectObject> {
  if (text.length > maxSocketMessage) throw new ImpulsError('too-large', 'the message is too long');
  const json = expectObject(parseJson(text), 'message');
  if (json['impuls'] !== kind) throw new ImpulsError('malformed', `the message is no ${kind}`);
  return json;
}

function expectTarget(value: Parameters<typeof expectText>[0]): string {
  const target = expectText(value, 'target');
  if (!target.startsWith('/') || target.length > limits.targetBytes) {
    throw new ImpulsError('malformed', 'the target is no path');
  }
  return target;
}

/** What is not known is passed over. */
function readHeaders(
  value: Parameters<typeof expectObject>[0],
  names: readonly string[],
): Readonly<Record<string, string>> {
  const json = expectObject(value, 'headers');
  return Object.fromEntries(
    names
      .filter((name) => json[name] !== undefined)
      .map((name) => [name, expectHeader(expectText(json[name], name))]),
  );
}

function expectHeader(value: string): string {
  if (/^[\x20-\x7e]*$/.test(value)) return value;
  throw new ImpulsError('malformed', 'a header has other characters than visible ASCII');
}

function pick(headers: Readonly<Record<string, string>>, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    names.filter((name) => headers[name] !== undefined).map((name) => [name, headers[name]!]),
  );
}
