import { createWriteStream } from 'node:fs';
import { access, constants, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream as NodeReadableStream } from 'node:stream/web';
import type { KeyedPayment } from '../../client/index.js';
import { ImpulsError, isImpulsError } from '../../core/errors.js';
import type { Terminal } from '../terminal.js';

/** What becomes of an answer: its body on stdout or in a file, or all of it as JSON. */

export interface AnswerOptions {
  readonly json?: boolean;
  readonly include?: boolean;
  readonly output?: string;
}

export async function showAnswer(
  terminal: Terminal,
  response: Response,
  payment: KeyedPayment | undefined,
  { json, include, output }: AnswerOptions,
): Promise<void> {
  if (json) return printAsJson(terminal, response, payment);
  const head = include ? headOf(response) : '';
  const body = response.body
    ? Readable.fromWeb(response.body as NodeReadableStream<Uint8Array>)
    : Readable.from([]);
  if (output !== undefined) return writeFile(output, head, body);
  if (head !== '') await terminal.write(Buffer.from(head));
  for await (const chunk of body as AsyncIterable<Uint8Array>) await terminal.write(chunk);
}

/** Before anything is paid. @throws ImpulsError `invalid-argument` */
export async function checkWritable(file: string): Promise<void> {
  try {
    const found = await stat(file).catch(() => undefined);
    if (found?.isDirectory()) throw new ImpulsError('invalid-argument', `${file} is a folder`);
    await access(found ? file : dirname(file), constants.W_OK);
  } catch (cause) {
    const what = isImpulsError(cause) ? cause.message : `cannot write ${file}`;
    throw new ImpulsError('invalid-argument', what, { cause, hint: 'Choose another -o. Nothing was paid.' });
  }
}

function headOf(response: Response): string {
  const lines = [...response.headers].map(([name, value]) => `${name}: ${value}`);
  return [`HTTP/1.1 ${response.status} ${response.statusText}`.trimEnd(), ...lines, '', ''].join('\r\n');
}

async function writeFile(file: string, head: string, body: Readable): Promise<void> {
  const target = createWriteStream(file);
  let failure: Error | undefined;
  target.once('error', (error) => (failure = error));
  target.write(head);
  try {
    await pipeline(body, target);
  } catch (cause) {
    if (!failure || failure !== cause) throw cause;
    throw new ImpulsError('storage-failed', `cannot write ${file}: ${failure.message}`, {
      cause,
      hint: 'Make room, and fetch it again. What was paid is in `impuls history`.',
    });
  }
}

async function printAsJson(
  terminal: Terminal,
  response: Response,
  payment: KeyedPayment | undefined,
): Promise<void> {
  const bytes = Buffer.from(await response.arrayBuffer());
  const text = bytes.toString('utf8');
  const isText = Buffer.from(text).equals(bytes);
  terminal.printJson({
    status: response.status,
    headers: Object.fromEntries(response.headers),
    ...(isText ? { body: text } : { bodyBase64: bytes.toString('base64') }),
    payment: payment ?? null,
  });
}
