import { stat } from 'node:fs/promises';
import { fromUtf8 } from '../../core/bytes.js';
import { defineCommand } from '../command.js';
import { readFileOrInput } from '../input.js';
import { detect } from '../inspect/detect.js';
import { flatten } from '../inspect/finding.js';
import { formatPairs } from '../table.js';

export const inspect = defineCommand({
  name: 'inspect',
  summary: 'Decode a credential, challenge, receipt, state, key document, backup or voucher code',
  usage: '<text> | <file> | - [options]',
  options: {
    'show-secrets': { type: 'boolean', help: 'Show seeds and signatures of a backup too' },
  },
  words: [1, 1],
  notes:
    'It tells by the text what it is. A dump of headers, such as that of `curl -i`, works too. It asks nobody.',
  examples: [
    'curl -si https://news.example/articles/1 | impuls inspect -',
    'curl -s https://news.example/.well-known/impuls | impuls inspect -',
    'impuls inspect K7Q2M-8ZJ4D-5R1TN-W3XQ9',
  ],
  async run({ terminal, values, positionals, stdin }) {
    const text = await readText(positionals[0]!, stdin);
    const findings = detect(text, { secrets: values['show-secrets'] ? 'show' : 'hide' });
    if (terminal.json) {
      terminal.printJson(findings);
      return;
    }
    const { paint } = terminal;
    terminal.print(
      findings
        .map(
          ({ kind, summary, facts }) =>
            `${paint.bold(kind)}\n${summary}\n\n${formatPairs(flatten(facts), paint)}`,
        )
        .join('\n\n'),
    );
  },
});

async function readText(argument: string, stdin: NodeJS.ReadStream): Promise<string> {
  const isFile =
    argument === '-' ||
    (!argument.includes('\n') &&
      argument.length < 4096 &&
      (await stat(argument).catch(() => undefined))?.isFile());
  return isFile ? fromUtf8(await readFileOrInput(argument, stdin)) : argument;
}
