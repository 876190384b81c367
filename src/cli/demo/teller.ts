import type { Terminal } from '../terminal.js';

/** Tells the story of the demo as it goes: sentences for people, JSON lines for programs. */
export interface Teller {
  /** A new part of the story. */
  part(name: string, title: string): void;
  /** Something that was checked. @param facts what the sentence is made of */
  check(name: string, holds: boolean, sentence: string, facts?: object): void;
  /** A line under the last check. */
  detail(text: string): void;
  /** Checks that did not hold. */
  readonly failed: readonly string[];
}

export function createTeller(terminal: Terminal, mode: 'sentences' | 'lines'): Teller {
  const { paint } = terminal;
  const json = mode === 'lines';
  const failed: string[] = [];
  let part = '';
  let parts = 0;
  return {
    failed,
    part(name, title) {
      part = name;
      parts++;
      if (!json) terminal.print(`\n${paint.bold(`${parts}. ${title}`)}`);
    },
    check(name, holds, sentence, facts = {}) {
      if (!holds) failed.push(`${part}: ${name}`);
      if (json) terminal.printJsonLine({ part, check: name, ok: holds, ...facts });
      else terminal.print(`   ${holds ? paint.green('✓') : paint.red('✗')} ${sentence}`);
    },
    detail(text) {
      if (!json) terminal.print(`       ${text}`);
    },
  };
}
