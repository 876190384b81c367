import { ImpulsError, isImpulsError } from '../../core/errors.js';

/**
 * What a server tells of its work, a line an event. It names classes of routes, codes and numbers: no address, no target, no
 * header, no card and no code ever stands in it.
 */
export interface ServerLog {
  write(level: LogLevel, event: string, fields?: LogFields): void;
  /** A failure that no answer could tell. */
  error(error: unknown): void;
}

export type LogFormat = 'json' | 'text';
export type LogLevel = 'info' | 'warn' | 'error';
export type LogFields = Readonly<Record<string, string | number>>;

/** @param clock milliseconds since 1970 */
export function createServerLog(
  format: LogFormat,
  print: (line: string) => void,
  clock: () => number = Date.now,
): ServerLog {
  const write: ServerLog['write'] = (level, event, fields = {}) => {
    const time = new Date(clock()).toISOString();
    print(
      format === 'json'
        ? JSON.stringify({ time, level, event, ...fields })
        : [
            time,
            level,
            event,
            ...Object.entries(fields).map(([name, value]) => `${name}=${plain(value)}`),
          ].join(' '),
    );
  };
  return {
    write,
    error(error) {
      // The message of another error may quote what it was given.
      if (isImpulsError(error)) write('error', 'failed', { code: error.code, message: error.message });
      else write('error', 'failed', { code: 'internal', message: nameOf(error) });
    },
  };
}

/** @throws ImpulsError `invalid-argument` */
export function readLogFormat(text: string): LogFormat {
  if (text === 'json' || text === 'text') return text;
  throw new ImpulsError('invalid-argument', `--log is json or text, not "${text}"`);
}

/** One word, or quoted as JSON does. */
function plain(value: string | number): string {
  const text = String(value);
  return /^[\w./*:-]+$/.test(text) ? text : JSON.stringify(text);
}

function nameOf(error: unknown): string {
  if (!(error instanceof Error)) return 'not an error';
  return 'code' in error ? `${error.name} ${String(error.code)}` : error.name;
}
