import { createHash } from 'node:crypto';
import { ImpulsError } from '../core/errors.js';

/**
 * The log of a file of records, UTF-8. Each line is a sum, a space and JSON: first the header, then batches, each an array of
 * changes `[key, value or null]`. The sum is the first 16 hex digits of SHA-256 over the sum before and the JSON, so that
 * a line that is missing shows as well as one that is damaged.
 */

export type Change = readonly [key: string, value: string | null];

/** What a file holds, and how people are told of it. */
export interface FileKind {
  /** In the header. */
  readonly name: 'wallet' | 'keys';
  readonly called: string;
  /** The next move if it is damaged. */
  readonly rescue: string;
}

export const fileKinds = {
  wallet: {
    name: 'wallet',
    called: 'the wallet',
    rescue: 'Restore the wallet from a backup of its cards.',
  },
  keys: {
    name: 'keys',
    called: 'the key library',
    rescue: 'Put it back from a backup, or move it away: its keys would be paid again.',
  },
} as const satisfies Readonly<Record<string, FileKind>>;

const version = 1;

/** The end of a log: what a line that follows is chained to. */
export interface LogEnd {
  readonly sum: string;
  /** Bytes. */
  readonly size: number;
}

export interface ParsedLog {
  readonly records: Map<string, string>;
  /** The end of the last whole line. */
  readonly end: LogEnd;
}

/** A line and the log's end after it. */
export function formatLine(after: LogEnd, value: unknown): { readonly line: Buffer; readonly end: LogEnd } {
  const json = JSON.stringify(value);
  const sum = sumOf(after.sum, Buffer.from(json));
  const line = Buffer.from(`${sum} ${json}\n`);
  return { line, end: { sum, size: after.size + line.length } };
}

/** A whole log that says what `records` hold. */
export function formatLog(
  kind: FileKind,
  records: ReadonlyMap<string, string>,
): {
  readonly log: Buffer;
  readonly end: LogEnd;
} {
  const all = [...records];
  const lines: Buffer[] = [];
  let end: LogEnd = { sum: '', size: 0 };
  const add = (value: unknown) => {
    const formatted = formatLine(end, value);
    lines.push(formatted.line);
    end = formatted.end;
  };
  add({ impuls: kind.name, version });
  for (let i = 0; i < all.length; i += 256) add(all.slice(i, i + 256));
  return { log: Buffer.concat(lines), end };
}

/**
 * Reads a log up to a last line that is torn. Such a line was being written when the process or the machine stopped, and
 * nobody was told that it is there: it has no end, or a hole of zeros, which JSON never holds.
 *
 * @throws ImpulsError `storage-corrupt` for any other damage
 */
export function parseLog(kind: FileKind, bytes: Buffer): ParsedLog {
  const records = new Map<string, string>();
  let end = parseHeader(kind, bytes);
  while (end.size < bytes.length) {
    const stop = bytes.indexOf(0x0a, end.size);
    const line = bytes.subarray(end.size, stop < 0 ? bytes.length : stop);
    const changes = stop < 0 ? undefined : parseLine(end.sum, line);
    if (changes === undefined) {
      const isTorn = stop < 0 || (stop === bytes.length - 1 && line.includes(0));
      if (isTorn) break;
      throw corrupt(kind, `the file of ${kind.called} is damaged at byte ${end.size}`);
    }
    applyChanges(records, asChanges(kind, changes));
    end = { sum: line.toString('latin1', 0, 16), size: stop + 1 };
  }
  return { records, end };
}

export function applyChanges(records: Map<string, string>, changes: readonly Change[]): void {
  for (const [key, value] of changes) {
    if (value === null) records.delete(key);
    else records.set(key, value);
  }
}

function parseHeader(kind: FileKind, bytes: Buffer): LogEnd {
  const stop = bytes.indexOf(0x0a);
  const line = bytes.subarray(0, Math.max(0, stop));
  const found = parseLine('', line);
  const isOurs =
    typeof found === 'object' && found !== null && 'impuls' in found && found.impuls === kind.name;
  if (!isOurs || !('version' in found)) throw corrupt(kind, `the file is not ${kind.called} of impuls`);
  if (found.version !== version) {
    throw new ImpulsError(
      'storage-corrupt',
      `the file of ${kind.called} is of format ${String(found.version)}`,
      {
        hint: 'Run the version of impuls that wrote it, or a newer one.',
      },
    );
  }
  return { sum: line.toString('latin1', 0, 16), size: stop + 1 };
}

/** The JSON of a line; undefined if its sum does not hold. */
function parseLine(before: string, line: Buffer): unknown {
  const json = line.subarray(17);
  if (line.length < 18 || line.toString('latin1', 0, 17) !== `${sumOf(before, json)} `) return undefined;
  return JSON.parse(json.toString('utf8'));
}

function asChanges(kind: FileKind, value: unknown): Change[] {
  if (!Array.isArray(value) || !value.every(isChange))
    throw corrupt(kind, `a line of the file of ${kind.called} is no batch`);
  return value;
}

function isChange(value: unknown): value is Change {
  if (!Array.isArray(value) || value.length !== 2 || typeof value[0] !== 'string') return false;
  return typeof value[1] === 'string' || value[1] === null;
}

function sumOf(before: string, json: Buffer): string {
  return createHash('sha256').update(before).update(json).digest('hex').slice(0, 16);
}

function corrupt({ rescue }: FileKind, message: string): ImpulsError {
  return new ImpulsError('storage-corrupt', message, { hint: rescue });
}
