import { ImpulsError } from '../../src/core/errors.js';

/** System calls as `strace -f -xx` writes them. */

export interface Call {
  readonly name: string;
  readonly args: readonly Arg[];
  /** Undefined if it never returned. Negative if it failed. */
  result: number | undefined;
}

/** A string is bytes, everything else is text as written. */
export type Arg = Buffer | string;

/** A moment of the trace: a call begins or ends, or a process has ended. */
export interface Step {
  readonly moment: 'begins' | 'ends';
  readonly call: Call;
}

/** @throws ImpulsError `malformed` */
export function parseTrace(text: string): Step[] {
  const steps: Step[] = [];
  const open = new Map<string, Call>();
  for (const line of linesOf(text)) {
    const space = line.indexOf(' ');
    const [thread, rest] = [line.slice(0, space), line.slice(space + 1).trimStart()];
    if (rest.startsWith('+++') || rest.startsWith('---')) continue;
    if (rest.startsWith('<... ')) {
      const call = open.get(thread);
      open.delete(thread);
      if (!call) continue;
      call.result = resultOf(rest);
      steps.push({ moment: 'ends', call });
      continue;
    }
    const isOpen = rest.endsWith('<unfinished ...>');
    const call = parseCall(rest, isOpen);
    steps.push({ moment: 'begins', call });
    if (isOpen) open.set(thread, call);
    else steps.push({ moment: 'ends', call });
  }
  return steps;
}

function* linesOf(text: string): Generator<string> {
  for (let at = 0; at < text.length;) {
    const stop = text.indexOf('\n', at);
    yield text.slice(at, stop < 0 ? undefined : stop);
    if (stop < 0) return;
    at = stop + 1;
  }
}

function parseCall(text: string, isOpen: boolean): Call {
  const paren = text.indexOf('(');
  if (paren <= 0) throw new ImpulsError('malformed', `no system call: ${text.slice(0, 80)}`);
  const args: Arg[] = [];
  let at = paren + 1;
  while (at < text.length && text[at] !== ')' && !text.startsWith('<unfinished', at)) {
    if (text[at] === '"') {
      const stop = text.indexOf('"', at + 1);
      if (text.startsWith('...', stop + 1)) {
        throw new ImpulsError('malformed', 'the trace has only the beginning of a write');
      }
      args.push(Buffer.from(text.slice(at + 1, stop).replaceAll('\\x', ''), 'hex'));
      at = stop + 1;
    } else {
      const start = at;
      let depth = 0;
      for (; at < text.length; at++) {
        const character = text[at]!;
        if ('[{'.includes(character)) depth++;
        else if (']}'.includes(character)) depth--;
        else if (depth === 0 && (',)'.includes(character) || text.startsWith(' <unfinished', at))) break;
      }
      args.push(text.slice(start, at));
    }
    if (text.startsWith(', ', at)) at += 2;
    while (text[at] === ' ') at++;
  }
  return { name: text.slice(0, paren), args, result: isOpen ? undefined : resultOf(text) };
}

function resultOf(line: string): number | undefined {
  const found = /\) += (-?\d+)/.exec(line.slice(Math.max(0, line.lastIndexOf(') '))));
  return found ? Number(found[1]) : undefined;
}

/** The bytes of `[{iov_base="…", iov_len=n}, …]`. */
export function gather(text: string): Buffer {
  const parts = [...text.matchAll(/iov_base="([^"]*)"/g)].map(([, hex]) => hex!.replaceAll('\\x', ''));
  return Buffer.from(parts.join(''), 'hex');
}
