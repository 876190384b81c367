import { ImpulsError } from '../../core/errors.js';
import { readFileOrInput } from '../input.js';
import type { Input } from '../terminal.js';

/** A request by curl's habits. */

export interface RequestOptions {
  readonly request?: string;
  readonly data?: readonly string[];
  readonly header?: readonly string[];
}

export interface PreparedRequest {
  readonly url: URL;
  readonly init: {
    readonly method: string;
    readonly headers: Headers;
    readonly body?: Uint8Array<ArrayBuffer>;
  };
}

/** @throws ImpulsError `invalid-argument` */
export async function prepareRequest(
  address: string,
  { request, data, header = [] }: RequestOptions,
  stdin: Input,
): Promise<PreparedRequest> {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (!url || !/^https?:$/.test(url.protocol)) {
    throw new ImpulsError('invalid-argument', `"${address}" is not an address`, {
      hint: 'Write it with its scheme: https://news.example/articles/1',
    });
  }
  const headers = readHeaders(header);
  const body = data && (await readData(data, stdin));
  if (body && !headers.has('content-type')) headers.set('Content-Type', 'application/x-www-form-urlencoded');
  const method = (request ?? (body ? 'POST' : 'GET')).toUpperCase();
  if (!/^[A-Z]{1,20}$/.test(method)) throw new ImpulsError('invalid-argument', `-X has no "${request}"`);
  if (body && (method === 'GET' || method === 'HEAD')) {
    throw new ImpulsError('invalid-argument', `a ${method} carries no body`, {
      hint: 'Leave -X out, or -d.',
    });
  }
  return { url, init: { method, headers, ...(body && { body }) } };
}

function readHeaders(lines: readonly string[]): Headers {
  const headers = new Headers();
  for (const line of lines) {
    const [, name, value] = /^([^\s:]+):\s*(.*)$/.exec(line) ?? [];
    try {
      if (name === undefined || value === undefined) throw new TypeError('no colon');
      headers.append(name, value);
    } catch (cause) {
      throw new ImpulsError('invalid-argument', `-H "${line}" is not a header`, {
        cause,
        hint: "Write it as -H 'Name: value'.",
      });
    }
  }
  return headers;
}

/** Several -d are joined by "&"; @file is the file without line ends, as curl does. */
async function readData(parts: readonly string[], stdin: Input): Promise<Uint8Array<ArrayBuffer>> {
  const read = await Promise.all(
    parts.map(async (part) => {
      if (!part.startsWith('@')) return Buffer.from(part);
      const bytes = await readFileOrInput(part.slice(1), stdin);
      return Buffer.from(bytes.filter((byte) => byte !== 0x0a && byte !== 0x0d));
    }),
  );
  return new Uint8Array(
    Buffer.concat(read.flatMap((part, i) => (i === 0 ? [part] : [Buffer.from('&'), part]))),
  );
}
