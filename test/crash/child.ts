import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';

/** A process that prints lines and may be killed at any of them. */
export interface Child {
  readonly process: ChildProcess;
  /** All lines, once it is gone. */
  readonly lines: Promise<string[]>;
  /** The first line. */
  readonly first: Promise<string>;
  /** Resolves when it has printed so many more lines that begin with a word. */
  says(word: string, times: number): Promise<void>;
}

interface ChildOptions {
  /** Kill it when it has printed so many lines. */
  readonly killAfter?: number;
  /** The most bytes that a file of it may have (RLIMIT_FSIZE). */
  readonly maxFileBytes?: number;
}

export function startChild(
  script: string,
  args: readonly (string | number)[],
  options: ChildOptions = {},
): Child {
  const { killAfter = Infinity, maxFileBytes } = options;
  const file = new URL(script, import.meta.url).pathname;
  const command = [process.execPath, file, ...args.map(String)];
  // dash counts in blocks of 512 bytes.
  const limit =
    maxFileBytes === undefined ? '' : `trap '' XFSZ; ulimit -f ${Math.floor(maxFileBytes / 512)};`;
  const child = spawn('sh', ['-c', `${limit} exec "$@"`, 'sh', ...command], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines: string[] = [];
  let tellFirst: (line: string) => void;
  const first = new Promise<string>((resolve) => (tellFirst = resolve));
  const listeners = new Set<(line: string) => void>();
  const reader = createInterface(child.stdout);
  reader.on('line', (line) => {
    tellFirst(line);
    lines.push(line);
    for (const listener of listeners) listener(line);
    if (lines.length === killAfter) child.kill('SIGKILL');
  });
  const gone = new Promise((resolve) => child.on('exit', resolve));
  const read = new Promise((resolve) => reader.on('close', resolve));
  const says = (word: string, times: number): Promise<void> =>
    new Promise((resolve) => {
      let left = times;
      const listener = (line: string): void => {
        if (!line.startsWith(word) || --left > 0) return;
        listeners.delete(listener);
        resolve();
      };
      listeners.add(listener);
    });
  return { process: child, first, says, lines: Promise.all([gone, read]).then(() => lines) };
}
