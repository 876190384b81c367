import { readFileSync } from 'node:fs';
import { ImpulsError, isImpulsError } from '../core/errors.js';
import { transportFailure } from '../node/transport.js';
import type { Command, Context } from './command.js';
import { commands } from './commands.js';
import { exitCodeOf } from './exit-codes.js';
import { explain } from './failures.js';
import { commandHelp, groupHelp, overview, topicHelp } from './help-text.js';
import { nearest } from './suggest.js';
import { createTerminal, type Input, type Streams } from './terminal.js';

/** What a run needs of its process. */
export interface Host extends Streams {
  readonly stdin: Input;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Runs one command line. @returns the exit code (`impuls help exit-codes`); failures are told, not thrown */
export async function run(argv: readonly string[], host: Host): Promise<number> {
  const end = argv.indexOf('--');
  const flags = end === -1 ? argv : argv.slice(0, end);
  const terminal = createTerminal(host, host.env, flags.includes('--json') ? 'json' : 'auto');
  const context: Context = { terminal, env: host.env, stdin: host.stdin };
  try {
    const words = argv.filter((word, i) => i < 2 && !word.startsWith('-'));
    if (flags[0] === '--version' || flags[0] === '-V') {
      terminal.print(version());
      return 0;
    }
    if (words[0] === 'help' || flags.length === 0 || flags[0] === '--help' || flags[0] === '-h') {
      terminal.print(await help(argv.filter((word) => !word.startsWith('-')).slice(1)));
      return 0;
    }
    const { command, rest } = await find(argv);
    if (flags.includes('--help') || flags.includes('-h')) {
      terminal.print(commandHelp(command));
      return 0;
    }
    return await command.run(rest, context);
  } catch (thrown) {
    const error = failureOf(thrown);
    const code = isImpulsError(error) ? exitCodeOf(error.code) : 1;
    terminal.fail(explain(error, argv), code);
    return code;
  }
}

/** That a proxy failed is a better answer than that a vendor cannot be reached. */
function failureOf(error: unknown): unknown {
  const isNetwork = error instanceof TypeError || isImpulsError(error, 'network');
  return (isNetwork && transportFailure(error)) || error;
}

async function find(
  argv: readonly string[],
): Promise<{ readonly command: Command; readonly rest: readonly string[] }> {
  for (const length of [2, 1]) {
    const load = loaderOf(argv.slice(0, length).join(' '));
    if (load) return { command: await load(), rest: argv.slice(length) };
  }
  throw unknownCommand(argv);
}

function loaderOf(name: string): (() => Promise<Command>) | undefined {
  return Object.hasOwn(commands, name) ? commands[name] : undefined;
}

function unknownCommand(argv: readonly string[]): ImpulsError {
  const [first = '', second = ''] = argv;
  const names = Object.keys(commands);
  const inGroup = names.filter((name) => name.startsWith(`${first} `));
  if (inGroup.length > 0 && (second === '' || second.startsWith('-'))) {
    return new ImpulsError('invalid-argument', `\`impuls ${first}\` needs one word more`, {
      hint: `Say one of: ${inGroup.map((name) => `impuls ${name}`).join(', ')}.`,
    });
  }
  const typed = inGroup.length > 0 ? `${first} ${second}` : first;
  const guess =
    nearest(inGroup.length > 0 ? typed : argv.slice(0, 2).join(' '), names) ?? nearest(first, names);
  return new ImpulsError('invalid-argument', `there is no command \`${typed}\``, {
    hint: guess ? `Did you mean \`impuls ${guess}\`?` : 'See `impuls help` for all of them.',
  });
}

async function help(words: readonly string[]): Promise<string> {
  const all = Object.entries(commands);
  if (words.length === 0) return overview(await Promise.all(all.map(([, load]) => load())));
  const name = words.join(' ');
  const load = loaderOf(name);
  if (load) return commandHelp(await load());
  const group = all.filter(([one]) => one.startsWith(`${name} `));
  if (group.length > 0) return groupHelp(await Promise.all(group.map(([, one]) => one())));
  const topic = topicHelp(name);
  if (topic !== undefined) return topic;
  throw unknownCommand(words);
}

function version(): string {
  const file = new URL('../../package.json', import.meta.url);
  const { name, version: number } = JSON.parse(readFileSync(file, 'utf8')) as {
    name: string;
    version: string;
  };
  return `${name} ${number}`;
}
