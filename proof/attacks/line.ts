import { connect, type Socket } from 'node:net';

/** One connection of HTTP/1.1, by hand: it costs who holds it little, and sends as much as it likes before it is answered. */

export interface Answer {
  readonly status: number;
  readonly hasRetryAfter: boolean;
}

export interface LineListener {
  readonly onAnswer: (answer: Answer) => void;
  /** @param unanswered requests that were sent and get no answer */
  readonly onClose: (unanswered: number) => void;
}

export interface Line {
  /** Requests that are sent and not answered. */
  readonly waiting: number;
  /** Whether it may be written to: it is open, and the other end takes what is sent. */
  readonly isFree: boolean;
  /** Writes some whole requests. */
  send(bytes: string, requests?: number): void;
  /** Writes a part of one. */
  trickle(bytes: string): void;
  close(): void;
}

export function openLine(port: number, { onAnswer, onClose }: LineListener): Line {
  const socket: Socket = connect({ port, host: '127.0.0.1', noDelay: true });
  let waiting = 0;
  let rest = '';
  socket.setEncoding('latin1');
  socket.on('error', () => {});
  socket.on('close', () => onClose(waiting));
  socket.on('data', (chunk: string) => {
    rest += chunk;
    for (;;) {
      const head = rest.indexOf('\r\n\r\n');
      if (head < 0) return;
      const length = /\r\ncontent-length: (\d+)/i.exec(rest.slice(0, head))?.[1] ?? 0;
      const end = head + 4 + Number(length);
      if (rest.length < end) return;
      const status = Number(rest.slice(9, 12));
      const hasRetryAfter = /\r\nretry-after: \d/i.test(rest.slice(0, head));
      rest = rest.slice(end);
      waiting--;
      onAnswer({ status, hasRetryAfter });
    }
  });
  return {
    get waiting() {
      return waiting;
    },
    get isFree() {
      return !socket.connecting && !socket.destroyed && !socket.writableNeedDrain;
    },
    send(bytes, requests = 1) {
      waiting += requests;
      socket.write(bytes, 'latin1');
    },
    trickle(bytes) {
      socket.write(bytes, 'latin1');
    },
    close() {
      socket.destroy();
    },
  };
}

/** A request as it goes over the wire. */
export function requestText(method: string, path: string, authorization?: string, body?: string): string {
  const head = [`${method} ${path} HTTP/1.1`, 'Host: 127.0.0.1'];
  if (authorization !== undefined) head.push(`Authorization: ${authorization}`);
  if (body !== undefined) head.push(`Content-Length: ${body.length}`);
  return `${head.join('\r\n')}\r\n\r\n${body ?? ''}`;
}
