import type { Command, Options } from './command.js';
import { exitCodeMeanings } from './exit-codes.js';

export function overview(commands: readonly Command[]): string {
  const groups: ReadonlyArray<readonly [title: string, test: (name: string) => boolean]> = [
    [
      'With a wallet',
      (name) =>
        !/^(?:vendor|voucher|batch|sales|keys|liability|report|audit|pack|web|doctor|validate|demo|inspect)/.test(
          name,
        ),
    ],
    [
      'As a vendor',
      (name) =>
        /^(?:vendor|voucher|batch|sales|keys|liability|report|audit|pack|web|doctor|validate)/.test(name),
    ],
    ['To look at', (name) => /^(?:demo|inspect)/.test(name)],
  ];
  return [
    'impuls: pre-paid cards for the web. Pay a fraction of a cent for a request, exactly once.',
    '',
    'Usage: impuls <command> [options]',
    ...groups.flatMap(([title, test]) => [
      '',
      `${title}:`,
      ...list(commands.filter(({ name }) => test(name))),
    ]),
    '',
    'More:',
    ...columns([
      ['help <command>', 'What a command does, and its options'],
      ['help exit-codes', 'What the exit codes mean'],
      ['help files', 'Where the wallet is, and its settings'],
      ['--version', 'The version'],
    ]),
  ].join('\n');
}

export function groupHelp(commands: readonly Command[]): string {
  return ['Usage:', ...list(commands), '', 'See `impuls help <command>` for the options.'].join('\n');
}

export function commandHelp({ name, summary, usage, options, notes, examples = [] }: Command): string {
  return [
    `${summary}.`,
    '',
    `Usage: impuls ${name} ${usage}`,
    ...(notes ? ['', notes] : []),
    '',
    'Options:',
    ...columns(describeOptions(options)),
    ...(examples.length > 0 ? ['', 'Examples:', ...examples.map((line) => `  ${line}`)] : []),
  ].join('\n');
}

export function topicHelp(name: string): string | undefined {
  switch (name) {
    case 'exit-codes':
      return [
        'Exit codes:',
        ...columns(exitCodeMeanings.map(([code, meaning]) => [String(code), meaning])),
      ].join('\n');
    case 'files':
      return [
        'The wallet is one file. It holds bearer cards: who has it can spend them.',
        '',
        ...columns([
          ['--wallet <file>', 'this file'],
          ['$IMPULS_HOME', '$IMPULS_HOME/wallet'],
          ['otherwise', '$XDG_DATA_HOME/impuls/wallet, or ~/.local/share/impuls/wallet'],
        ]),
        '',
        'Keys of sealed files that were bought are beside it, in <file>.keys: they are not paid again. What an agent has',
        'spent today (`impuls mcp`) is in <file>.agent.',
        '',
        'Also beside it, config.json may say the most that `impuls fetch` pays for one request, and where copies of',
        "a vendor's keys are: `impuls redeem` compares them before it buys.",
        '',
        '  {"max": 10, "mirrors": {"https://news.example": ["https://mirror.example/news.json"]}}',
        '',
        'and how the wallet reaches the network: "proxy", "privacy" and "delay", as --proxy, --privacy and --delay.',
        '',
        '  {"proxy": "socks5h://127.0.0.1:9050", "privacy": "unlinkable-sessions", "delay": 24}',
        '',
        'A vendor is a folder. Where its ledger is in PostgreSQL, IMPULS_DATABASE may say how it is reached, with a password.',
        '',
        'Environment: NO_COLOR turns colours off, IMPULS_DEBUG shows where an unexpected error came from.',
      ].join('\n');
    default:
      return undefined;
  }
}

function list(commands: readonly Command[]): string[] {
  return columns(commands.map(({ name, summary }) => [name, summary]));
}

function describeOptions(options: Options): Array<readonly [string, string]> {
  return Object.entries(options).map(([name, { short, value, help }]) => [
    `${short === undefined ? '    ' : `-${short}, `}--${name}${value === undefined ? '' : ` ${value}`}`,
    help,
  ]);
}

function columns(rows: ReadonlyArray<readonly [string, string]>): string[] {
  const longest = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(longest)}  ${right}`);
}
