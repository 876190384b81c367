import { utf8 } from './bytes.js';
import { ImpulsError } from './errors.js';

/** Server-sent events, the format `text/event-stream` of the HTML standard. */

export interface StreamEvent {
  /** What a client that comes back names as the last one that it has. Without line breaks and NUL. */
  readonly id?: string;
  /** Its type; default `message`. Without line breaks. */
  readonly event?: string;
  readonly data: string;
}

/** @throws ImpulsError `invalid-argument` for an id or type that cannot be written */
export function formatEvent({ id, event, data }: StreamEvent): Uint8Array {
  if (/[\r\n\0]/.test(id ?? '') || /[\r\n]/.test(event ?? '')) {
    throw new ImpulsError('invalid-argument', 'the id or the type of an event has a line break');
  }
  const head = `${id === undefined ? '' : `id: ${id}\n`}${event === undefined ? '' : `event: ${event}\n`}`;
  const lines = data.split(/\r\n|\r|\n/).map((line) => `data: ${line}\n`);
  return utf8(`${head}${lines.join('')}\n`);
}

/** Text of one event at most; what is longer is refused. */
const maxEventLength = 1 << 20;

/** Reads events from chunks of any length. Comments and events without data are left out; a last one that is not whole, too. */
export class EventReader {
  readonly #decoder = new TextDecoder();
  #rest = '';

  /** @throws ImpulsError `too-large` for an event of more than 1 MiB */
  push(chunk: Uint8Array): StreamEvent[] {
    this.#rest += this.#decoder.decode(chunk, { stream: true });
    const events: StreamEvent[] = [];
    for (;;) {
      // A \r at the very end may be one half of a line break.
      const end = /(?:\r\n|\n|\r(?!$|\n))(?:\r\n|\n|\r(?!$))/.exec(this.#rest);
      if (!end) break;
      const event = readEvent(this.#rest.slice(0, end.index));
      if (event) events.push(event);
      this.#rest = this.#rest.slice(end.index + end[0].length);
    }
    if (this.#rest.length > maxEventLength) throw new ImpulsError('too-large', 'an event of more than 1 MiB');
    return events;
  }
}

function readEvent(block: string): StreamEvent | undefined {
  const data: string[] = [];
  let id: string | undefined;
  let event: string | undefined;
  for (const line of block.split(/\r\n|\r|\n/)) {
    const [, name, value = ''] = /^([^:]*)(?:: ?(.*))?$/s.exec(line)!;
    if (name === 'data') data.push(value);
    else if (name === 'id' && !value.includes('\0')) id = value;
    else if (name === 'event') event = value;
  }
  if (data.length === 0) return undefined;
  return { ...(id !== undefined && { id }), ...(event && { event }), data: data.join('\n') };
}
