import { concat } from '../core/bytes.js';
import { ImpulsError } from '../core/errors.js';
import { sealBody } from '../core/seal.js';
import { readOnce, tooLargeBody, type Call, type Header, type Reply } from './call.js';
import type { Gate } from './gate.js';
import type { StoredReply } from './ledger.js';
import type { Payment } from './payment.js';
import { createReplyRecorder } from './reply-recorder.js';
import { sealingOf, type Sealing } from './sealing.js';
import type { Vendor } from './vendor.js';

/** The vendor on Fetch types: `Request` in, `Response` out. */

export interface FetchInfo {
  /** Where the request came from, for the failure budget: an address. Never stored. */
  readonly source?: string;
}

export function callOf(request: Request, info: FetchInfo = {}): Call {
  const url = new URL(request.url);
  return {
    method: request.method.toUpperCase(),
    target: url.pathname + url.search,
    header: (name) => request.headers.get(name) ?? undefined,
    body: readOnce((limit, take) => readBody(request, limit, take)),
    source: info.source,
  };
}

/** A Fetch handler for the vendor's own paths; undefined for any other path. */
export function createFetchHandler(
  vendor: Vendor,
): (request: Request, info?: FetchInfo) => Promise<Response | undefined> {
  return async (request, info) => {
    const reply = await vendor.answer(callOf(request, info));
    return reply && responseOf(reply, request.method);
  };
}

/** What serves a paid request. The request's body can be read as usual. */
export type PaidHandler = (request: Request, payment: Payment) => Response | Promise<Response>;

/** Puts a gate before a handler. An answer of 400 or above, or a throw, returns the units. */
export function createPaidHandler(
  gate: Gate,
  handler: PaidHandler,
): (request: Request, info?: FetchInfo) => Promise<Response> {
  return async (request, info) => {
    checkUnread(request);
    const admission = await gate(callOf(request, info));
    switch (admission.status) {
      case 'refused':
        return responseOf(admission.reply, request.method);
      case 'replayed':
        return finish(request.method, admission.payment, replayed(admission.reply));
      case 'paid': {
        const { payment, body } = admission;
        let response: Response;
        try {
          response = await handler(readable(request, body, payment), payment);
        } catch (error) {
          await payment.release();
          throw error;
        }
        return finish(request.method, payment, response);
      }
    }
  };
}

/** The request for the handler: its body can be read again. What is sealed is not compressed, which would leak lengths. */
export function readable<T extends Request>(request: T, body: Uint8Array, { sealKey }: Payment): T {
  if (isBodyless(request) && !sealKey) return request;
  const headers = new Headers(request.headers);
  if (sealKey) headers.delete('Accept-Encoding');
  // Of the same class: frameworks add to what a request can do.
  const Same = request.constructor as new (input: T, init: RequestInit) => T;
  return new Same(request, { headers, ...(!isBodyless(request) && { body: body as BodyInit }) });
}

/** The answer of a handler as it goes out: with a receipt, or with the units returned; kept and sealed where it has to be. */
export async function finish(method: string, payment: Payment, response: Response): Promise<Response> {
  if (response.status >= 400) {
    return payment.release().then(
      (headers) => withHeaders(response, headers, response.body),
      (error: unknown) => responseOf(payment.failed(error), method),
    );
  }
  if (method !== 'HEAD') return deliver(payment, response);
  await response.body?.cancel();
  return deliver(payment, withHeaders(response, [], null));
}

/**
 * Puts a payment on the head of an answer below 400, and seals its body.
 *
 * @param record keeps what goes by of an answer that is kept @returns what of the body is sent
 */
export function deliver(payment: Payment, response: Response, record = recordReply): Response {
  const headers = payment.settle(response.status);
  // The body is not even looked at: runtimes that have the answer in parts need not make it whole.
  if (!payment.keepsReply && !payment.sealKey && isOwn(response)) return amended(response, headers);
  const body = payment.keepsReply ? record(payment, response) : response.body;
  if (!payment.sealKey || !body) return withHeaders(response, headers, body);
  const coding = response.headers.get('Content-Encoding');
  const sealed = withHeaders(
    response,
    [...headers, ['Content-Encoding', coding === null ? 'aes128gcm' : `${coding}, aes128gcm`]],
    sealStream(payment.sealKey, body, sealingOf(response.headers.get('Content-Type'), headers)),
  );
  sealed.headers.delete('Content-Length');
  return sealed;
}

/** Passes an answer on and keeps it for a repeat, if it is short enough. A client that goes away does not end the recording. */
function recordReply(payment: Payment, response: Response): ReadableStream<Uint8Array> | null {
  const headers = [...response.headers].filter(([name]) => name !== 'set-cookie');
  const recorder = createReplyRecorder(
    (body) => payment.keep(body && { status: response.status, headers, body }),
    payment.maxReplyBytes,
  );
  if (!response.body) {
    recorder.end();
    return null;
  }
  const reader = response.body.getReader();
  const read = async (): Promise<Uint8Array | undefined> => {
    try {
      const { done, value } = await reader.read();
      if (done) recorder.end();
      else recorder.write(value);
      return value;
    } catch (error) {
      recorder.abandon();
      throw error;
    }
  };
  return new ReadableStream({
    async pull(controller) {
      const chunk = await read();
      if (chunk) controller.enqueue(chunk);
      else controller.close();
    },
    async cancel(reason) {
      while (recorder.recording) await read();
      await reader.cancel(reason);
    },
  });
}

export function replayed({ status, headers, body }: StoredReply): Response {
  const content = status === 204 || status === 304 ? null : (body as BodyInit);
  return new Response(content, {
    status,
    headers: headers.map(([name, value]) => [name, value] as [string, string]),
  });
}

function sealStream(
  key: Uint8Array,
  body: ReadableStream<Uint8Array>,
  sealing: Sealing,
): ReadableStream<Uint8Array> {
  const records = sealBody(key, body, { ...sealing, salt: crypto.getRandomValues(new Uint8Array(16)) });
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await records.next();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    async cancel() {
      await records.return(undefined);
    },
  });
}

/** Whether it is one for this answer alone: what has a body can be sent once, and what has none may be sent by many. */
function isOwn({ status }: Response): boolean {
  return status < 300 && status !== 204 && status !== 205;
}

/** Headers on the very answer, if it can be changed: to copy one costs as much as the gate. */
function amended(response: Response, headers: readonly Header[]): Response {
  try {
    put(response.headers, headers);
    return response;
  } catch (error) {
    // One that came from a fetch cannot.
    if (error instanceof TypeError) return withHeaders(response, headers, response.body);
    throw error;
  }
}

function put(target: Headers, headers: readonly Header[]): void {
  for (const [name, value] of headers) {
    if (name === 'Cache-Control' && target.get(name)?.includes('no-store')) continue;
    target.set(name, value);
  }
}

function withHeaders(
  response: Response,
  headers: readonly Header[],
  body: ReadableStream<Uint8Array> | null,
): Response {
  const merged = new Headers(response.headers);
  put(merged, headers);
  return new Response(body, { status: response.status, statusText: response.statusText, headers: merged });
}

export function responseOf({ status, headers, body }: Reply, method: string): Response {
  const content = method === 'HEAD' || status === 204 ? null : (body as BodyInit);
  return new Response(content, {
    status,
    headers: headers.map(([name, value]) => [name, value] as [string, string]),
  });
}

/** The Fetch standard gives them none. */
function isBodyless({ method }: Request): boolean {
  return method === 'GET' || method === 'HEAD';
}

/** @throws ImpulsError `invalid-argument` if somebody has read of the body, so that nobody can know what it was */
export function checkUnread(request: Request): void {
  if (isBodyless(request) || !request.bodyUsed) return;
  throw new ImpulsError('invalid-argument', 'the body was read before its payment could be checked', {
    hint: 'Put the payment before what reads bodies.',
  });
}

async function readBody(
  request: Request,
  limit: number,
  take: (bytes: number) => void = () => {},
): Promise<Uint8Array> {
  checkUnread(request);
  const stream = isBodyless(request) ? null : request.body;
  if (!stream) return new Uint8Array(0);
  const chunks: Uint8Array[] = [];
  let length = 0;
  const reader = stream.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return concat(...chunks);
    length += value.length;
    try {
      if (length > limit) throw tooLargeBody(limit);
      take(value.length);
    } catch (error) {
      await reader.cancel();
      throw error;
    }
    chunks.push(value);
  }
}
