import type { IncomingMessage } from 'node:http';
import { ImpulsError } from '../core/errors.js';
import { tooLargeBody } from '../server/call.js';

/** Bodies that have been read and put back. */
const bodies = new WeakMap<IncomingMessage, Uint8Array>();

/** Of a request without one. */
export const noBody: Promise<Uint8Array> = Promise.resolve(new Uint8Array(0));

/** Whether the head says that a GET or HEAD has no body, so that nothing is to be waited for. */
export function isBodyless({ method, httpVersionMajor, headers }: IncomingMessage): boolean {
  if ((method !== 'GET' && method !== 'HEAD') || httpVersionMajor >= 2) return false;
  return headers['content-length'] === undefined && headers['transfer-encoding'] === undefined;
}

/**
 * Reads the whole body and puts it back, so that whoever comes next reads the stream as if nobody had: parsers and upload
 * handlers of a framework work behind a gate.
 *
 * @param take told of the bytes as they arrive; what it throws ends the reading
 * @throws ImpulsError `too-large` beyond `limit` bytes; `invalid-argument` if somebody else has read of it
 */
export async function readBody(
  req: IncomingMessage,
  limit: number,
  take: (bytes: number) => void = () => {},
): Promise<Uint8Array> {
  const body = bodies.get(req) ?? (await readFresh(req, limit, take));
  if (body.length > limit) throw tooLargeBody(limit);
  return body;
}

/** @throws ImpulsError `invalid-argument` if somebody has read of the body, so that nobody can know what it was */
export function checkUnread(req: IncomingMessage): void {
  if (!req.readableDidRead || bodies.has(req)) return;
  throw new ImpulsError('invalid-argument', 'the body was read before its payment could be checked', {
    hint: 'Put the payment before what reads bodies, such as express.json().',
  });
}

async function readFresh(
  req: IncomingMessage,
  limit: number,
  taking: (bytes: number) => void,
): Promise<Uint8Array> {
  checkUnread(req);
  const declared = req.headers['content-length'];
  const isNone = declared === undefined && req.headers['transfer-encoding'] === undefined;
  if ((isNone && req.httpVersionMajor < 2) || declared === '0' || req.readableEnded) return new Uint8Array(0);
  if (Number(declared ?? 0) > limit) throw tooLargeBody(limit);
  const body = await new Promise<Buffer>((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const end = (): void => {
      stop();
      resolve(Buffer.concat(chunks));
    };
    const fail = (error?: Error): void => {
      stop();
      reject(error ?? new ImpulsError('network', 'the request broke off'));
    };
    const closed = (): void => fail();
    const read = (): void => {
      for (let chunk = take(req); chunk !== null; chunk = take(req)) {
        length += chunk.length;
        try {
          if (length > limit) throw tooLargeBody(limit);
          taking(chunk.length);
        } catch (error) {
          fail(error as Error);
          return;
        }
        chunks.push(chunk);
      }
      if (!req.complete && length !== Number(declared)) return;
      // The stream ends in the next turn, unless there is something in it again.
      if (length > 0) req.unshift(Buffer.concat(chunks));
      end();
    };
    const stop = (): void => {
      req.off('readable', read).off('end', end).off('error', fail).off('close', closed);
    };
    req.on('readable', read).on('end', end).on('error', fail).on('close', closed);
  });
  bodies.set(req, body);
  return body;
}

function take(req: IncomingMessage): Buffer | null {
  return req.read() as Buffer | null;
}
