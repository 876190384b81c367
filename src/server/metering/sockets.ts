import { concat } from '../../core/bytes.js';
import { ImpulsError } from '../../core/errors.js';
import { MessageQueue } from '../../core/message-queue.js';
import { isReserved, socketCloses } from '../../core/wire/socket-message.js';
import type { Call, Reply } from '../call.js';
import type { Route } from '../gate.js';
import type { Payment } from '../payment.js';
import { problemReply } from '../problems.js';
import { sourceOfAddress } from '../source.js';
import type { Vendor } from '../vendor.js';
import type { Meter } from './meter.js';
import { whenOver } from './meters.js';
import { SocketDesk } from './socket-desk.js';

/** WebSockets that cost as they go on: claims and receipts are messages in the socket (docs/spec.md §11). */

/** What is used of a `WebSocket` of the package `ws`, on the side of the server. */
export interface ServerSocket {
  /** Bytes that are not sent yet. */
  readonly bufferedAmount: number;
  on(
    event: 'message',
    listener: (data: Uint8Array | ArrayBuffer | Uint8Array[], isBinary: boolean) => void,
  ): unknown;
  on(event: 'close', listener: (code: number) => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  send(data: string | Uint8Array, done: (error?: Error) => void): void;
  close(code: number, reason: string): void;
  terminate(): void;
}

/** What is used of the request that was upgraded, an `IncomingMessage`. */
export interface UpgradeRequest {
  readonly url?: string | undefined;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly socket?: { readonly remoteAddress?: string | undefined };
}

/** A socket that was opened with a payment, as its handler sees it. */
export interface MeteredSocket {
  readonly meter: Meter;
  /** That which opened it. */
  readonly payment: Payment;
  /** What the client sends beside its claims, in order. It ends with the socket or the meter; to be read once. */
  readonly messages: AsyncIterable<string | Uint8Array>;
  /**
   * Uses so many units, then sends. It waits for both: for claims, and until the message has left.
   *
   * @param units default 1; 0 for what is free
   * @returns whether it was paid and sent; false: the socket is over, and the handler has to return
   * @throws ImpulsError `invalid-argument` for a text that begins as messages about payments do
   */
  readonly send: (data: string | Uint8Array, units?: number) => Promise<boolean>;
}

/** When it returns the meter is over, and the socket is closed. */
export type MeteredSocketHandler = (socket: MeteredSocket, request: UpgradeRequest) => void | Promise<void>;

export interface MeteredSocketsOptions {
  /** How long a socket may stay unpaid after it was opened. Default 10,000. */
  readonly openWithinMs?: number;
  /** Sockets that are not paid yet; beyond, the oldest is closed. Default 1,000. */
  readonly maxUnpaid?: number;
  /** The longest message of a client, in bytes. `maxPayload` of ws should say the same, so that no more is read. Default 65,536. */
  readonly maxMessageBytes?: number;
  /** Messages of a client that the handler has not taken yet; beyond, the socket is closed. Default 256. */
  readonly maxUnread?: number;
  /** Hears what a handler throws; its socket is closed with 1011. Default: nobody does. */
  readonly onError?: (error: unknown) => void;
  /** Calls back after so many milliseconds. @returns what prevents it. Default `setTimeout`. */
  readonly after?: (milliseconds: number, callback: () => void) => () => void;
}

export interface MeteredSockets {
  /** For `connection` of a `WebSocketServer`. Settles when the socket is closed and its handler has returned. */
  readonly connect: (socket: ServerSocket, request: UpgradeRequest) => Promise<void>;
  /**
   * Answers requests for the same URL over HTTP, where a wallet asks what became of a claim whose answer it did not get. Nothing is opened there: a
   * claim that never arrived is released.
   */
  readonly answer: (call: Call) => Promise<Reply>;
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
/** Bytes that wait to be sent; beyond, the client does not read, and is dropped. */
const maxBuffered = 4 << 20;

function platformAfter(milliseconds: number, callback: () => void): () => void {
  const timer = setTimeout(callback, milliseconds);
  return () => clearTimeout(timer);
}

/**
 * WebSockets that are opened by a payment and go on while claims keep coming.
 *
 * @param route what it costs to open one; it charges its price, and seals nothing
 * @throws ImpulsError `invalid-argument`
 */
export function createMeteredSockets(
  vendor: Vendor,
  route: Omit<Route, 'charge' | 'seal' | 'headers' | 'others'>,
  handler: MeteredSocketHandler,
  options: MeteredSocketsOptions = {},
): MeteredSockets {
  const { openWithinMs = 10_000, maxUnpaid = 1000, maxMessageBytes = 65_536, maxUnread = 256 } = options;
  const { after = platformAfter, onError = () => {} } = options;
  const bounds = [openWithinMs, maxUnpaid, maxMessageBytes, maxUnread];
  if (!bounds.every((bound) => Number.isSafeInteger(bound) && bound >= 1)) {
    throw new ImpulsError('invalid-argument', 'the bounds of metered sockets are whole numbers, at least 1');
  }
  const gate = vendor.gate(route);
  const unpaid = new Set<() => void>();
  /** How the socket of each meter gives way to another one. */
  const current = new Map<string, () => void>();

  async function connect(socket: ServerSocket, request: UpgradeRequest): Promise<void> {
    const inbox = new MessageQueue<string | Uint8Array>(maxUnread);
    const target = request.url ?? '/';
    let state: 'open' | 'closing' | 'closed' = 'open';
    let line: { readonly meter: Meter; readonly payment: Payment } | undefined;
    let opened!: (line: { readonly meter: Meter; readonly payment: Payment } | undefined) => void;
    const opening = new Promise<typeof line>((resolve) => (opened = resolve));

    const isOpen = (): boolean => state === 'open';
    function close(code: number, reason: string): void {
      inbox.end();
      if (state !== 'open') return;
      state = 'closing';
      socket.close(code, reason);
    }
    const giveUp = (): void => {
      if (!line) close(socketCloses.unopened, 'no claim came in time');
    };
    const letGo = after(openWithinMs, giveUp);
    unpaid.add(giveUp);
    if (unpaid.size > maxUnpaid) unpaid.values().next().value!();

    function put(data: string | Uint8Array): Promise<boolean> {
      if (state !== 'open') return Promise.resolve(false);
      if (socket.bufferedAmount > maxBuffered) return Promise.resolve(breakOff());
      return new Promise((resolve) => socket.send(data, (error) => resolve(error ? breakOff() : true)));
    }
    /** As if the line were cut: the client may come back. */
    function breakOff(): false {
      if (state === 'open') state = 'closing';
      socket.terminate();
      return false;
    }

    const desk = new SocketDesk(vendor, gate, {
      target,
      source: sourceOfAddress(request.socket?.remoteAddress),
      header: (name) => {
        const value = request.headers[name];
        return typeof value === 'string' ? value : value?.join(', ');
      },
      put,
      isOpen,
      flood: () => close(1008, 'too many messages about payments'),
      opened(payment, meter) {
        line = { payment, meter };
        unpaid.delete(giveUp);
        letGo();
        current.get(meter.id)?.();
        current.set(meter.id, giveWay);
        opened(line);
      },
    });

    const giveWay = (): void => close(socketCloses.superseded, 'the meter goes on in another socket');
    const gone = new Promise<void>((resolve) => {
      socket.on('close', (code) => {
        state = 'closed';
        unpaid.delete(giveUp);
        letGo();
        inbox.end();
        opened(undefined);
        // Who says good-bye does not come back; who is cut off may.
        if (line && !line.meter.ended && [1000, 1001, 1005].includes(code)) void desk.leave();
        else line?.meter.pause();
        resolve();
      });
    });
    // What is wrong with a frame closes it, too.
    socket.on('error', () => {});
    socket.on('message', (data, isBinary) => {
      if (state !== 'open') return;
      const bytes = bytesOf(data);
      if (bytes.length > maxMessageBytes) {
        close(1009, `more than ${maxMessageBytes} bytes`);
        return;
      }
      const text = isBinary ? undefined : decoder.decode(bytes);
      if (text !== undefined && isReserved(text)) desk.take(text);
      else if (!line) close(1008, 'nothing is paid yet');
      else if (!inbox.put(text ?? bytes)) close(1008, 'too many messages that are not read yet');
    });

    const paid = await opening;
    if (!paid) return gone;
    const { meter, payment } = paid;
    const over = new Promise<void>((resolve) => whenOver(meter, resolve));
    void over.then(() => inbox.end());
    let failure: { readonly error: unknown } | undefined;
    const serving = (async () => {
      await handler(
        {
          meter,
          payment,
          messages: inbox,
          async send(data, units = 1) {
            if (typeof data === 'string' && isReserved(data)) throw reservedText();
            return state === 'open' && (await meter.use(units)) && put(data);
          },
        },
        request,
      );
    })().catch((error: unknown) => (failure = { error }));
    await Promise.race([serving, over, gone]);
    if (isOpen()) {
      // Of a line that another one has taken over this does nothing.
      meter.end();
      // Every claim is answered before the last word.
      await desk.idle();
      if (failure) close(1011, 'failed');
      else if (meter.ended === 'unpaid') close(socketCloses.unpaid, 'unpaid');
      else if (meter.ended === 'superseded') giveWay();
      else close(socketCloses.finished, meter.ended ?? 'finished');
    }
    await Promise.all([serving, gone]);
    if (current.get(meter.id) === giveWay) current.delete(meter.id);
    if (failure) onError(failure.error);
  }

  return {
    connect,
    async answer(call) {
      const admission = await gate(call);
      if (admission.status === 'refused') return admission.reply;
      const { payment } = admission;
      if (admission.status === 'replayed' || payment.verdict !== 'accepted') {
        return { status: 204, headers: payment.settle(204), body: '' };
      }
      try {
        return problemReply('claim-released', 'A WebSocket is opened here.', await payment.release());
      } catch (error) {
        return payment.failed(error);
      }
    },
  };
}

function reservedText(): ImpulsError {
  return new ImpulsError('invalid-argument', 'a text that begins with {"impuls": is about payments');
}

function bytesOf(data: Uint8Array | ArrayBuffer | Uint8Array[]): Uint8Array {
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  return Array.isArray(data) ? concat(...data) : data;
}
