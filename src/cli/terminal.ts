import type { Readable, Writable } from 'node:stream';
import { createBar, type Bar } from './bar.js';
import type { Failure } from './failures.js';
import { createPaint, type Paint } from './paint.js';

/** The streams of a process, or others in their place. */
export type Input = Readable & { readonly isTTY?: boolean };
export type Output = Writable & { readonly isTTY?: boolean };

export interface Streams {
  readonly stdout: Output;
  readonly stderr: Output;
}

/** Where a command writes to: results to stdout, everything else to stderr. */
export interface Terminal {
  /** Whether results are JSON: asked for, or stdout is no terminal. */
  readonly json: boolean;
  /** Whether a person sees stderr. */
  readonly watched: boolean;
  /** For stdout and for stderr. */
  readonly paint: Paint;
  readonly notePaint: Paint;
  /** One line, or several, of result. */
  readonly print: (text: string) => void;
  /** One JSON document. */
  readonly printJson: (value: unknown) => void;
  /** One of several JSON documents, each on a line. */
  readonly printJsonLine: (value: unknown) => void;
  /** Bytes of result as they are. */
  write(bytes: Uint8Array): Promise<void>;
  /** A line beside the result. */
  readonly note: (text: string) => void;
  /** Tells a failure in two lines: what, and the next move. */
  fail(failure: Failure, exit: number): void;
  /** Shown only where a person sees it. */
  bar(): Bar;
}

/** @param mode `auto`: JSON where stdout is no terminal */
export function createTerminal(
  { stdout, stderr }: Streams,
  env: Readonly<Record<string, string | undefined>>,
  mode: 'json' | 'auto',
): Terminal {
  const json = mode === 'json' || !stdout.isTTY;
  const paint = createPaint(stdout, env);
  const notePaint = createPaint(stderr, env);
  return {
    json,
    watched: stderr.isTTY === true,
    paint,
    notePaint,
    print: (text) => void stdout.write(`${text}\n`),
    printJson: (value) => void stdout.write(`${JSON.stringify(value, null, 2)}\n`),
    printJsonLine: (value) => void stdout.write(`${JSON.stringify(value)}\n`),
    write: (bytes) => new Promise((resolve) => stdout.write(bytes, () => resolve())),
    note: (text) => void stderr.write(`${text}\n`),
    fail({ code, what, next }, exit) {
      if (mode === 'json') {
        stderr.write(`${JSON.stringify({ error: { code, message: what, next, exit } })}\n`);
        return;
      }
      stderr.write(`${notePaint.red('impuls:')} ${what}\n${notePaint.cyan('→')} ${next}\n`);
    },
    bar: () => createBar(stderr, notePaint),
  };
}
