import { readFile } from 'node:fs/promises';
import { ImpulsError } from '../core/errors.js';
import type { Input } from './terminal.js';

const maxBytes = 64 << 20;

/** Everything that comes in. @throws ImpulsError `too-large` beyond 64 MiB */
export async function readAll(stream: Input): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maxBytes) throw new ImpulsError('too-large', 'the input is longer than 64 MiB');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** A file, or the input for `-`. @throws ImpulsError `invalid-argument` if it cannot be read */
export async function readFileOrInput(name: string, stdin: Input): Promise<Buffer> {
  if (name === '-') return readAll(stdin);
  try {
    return await readFile(name);
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    throw new ImpulsError('invalid-argument', code === 'ENOENT' ? `there is no file ${name}` : message, {
      cause,
      hint: 'Name a file that can be read, or - for the input.',
    });
  }
}
