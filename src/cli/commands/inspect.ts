import { stat } from 'node:fs/promises';
import { fromUtf8, utf8 } from '../../core/bytes.js';
import { parseKeyDocument, type ReceivedDocument } from '../../core/key-document.js';
import { canonicalJson, parseJson } from '../../core/wire/canonical-json.js';
import { expectObject } from '../../core/wire/json-members.js';
import { defineCommand } from '../command.js';
import { readFileOrInput } from '../input.js';
import { detect } from '../inspect/detect.js';
import { flatten } from '../inspect/finding.js';
import { formatPairs } from '../table.js';
import type { Input } from '../terminal.js';

export const inspect = defineCommand({
  name: 'inspect',
  summary: 'Decode or check what impuls writes: credentials, receipts, statements, evidence, keys, backups',
  usage: '<text> | <file> | - [options]',
  options: {
    document: {
      type: 'string',
      value: '<file>',
      help: 'The key document with which the signature of a statement is checked',
    },
    'show-secrets': { type: 'boolean', help: 'Show seeds and signatures of a backup too' },
  },
  words: [1, 1],
  notes:
    'It tells by the text what it is. A dump of headers, such as that of `curl -i`, works too. It asks nobody.\n\nA statement that a vendor has signed is checked with --document, or with the key document that it came with; a\nlink of a `chain` card is hashed down to its anchor. Both fail where they do not hold.',
  examples: [
    'curl -si https://news.example/articles/1 | impuls inspect -',
    'curl -s https://news.example/.well-known/impuls | impuls inspect -',
    'impuls inspect K7Q2M-8ZJ4D-5R1TN-W3XQ9',
  ],
  async run({ terminal, values, positionals, stdin }) {
    const text = await readText(positionals[0]!, stdin);
    const document = values.document === undefined ? undefined : await readDocument(values.document, stdin);
    const findings = detect(text, { secrets: values['show-secrets'] ? 'show' : 'hide', document });
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

/** As it is served, or as a vendor keeps it. @throws ImpulsError `bad-document` */
async function readDocument(name: string, stdin: Input): Promise<ReceivedDocument> {
  const json = expectObject(parseJson(fromUtf8(await readFileOrInput(name, stdin))), 'the key document');
  return parseKeyDocument(utf8(canonicalJson(json['document'] ?? json)));
}

async function readText(argument: string, stdin: Input): Promise<string> {
  const isFile =
    argument === '-' ||
    (!argument.includes('\n') &&
      argument.length < 4096 &&
      (await stat(argument).catch(() => undefined))?.isFile());
  return isFile ? fromUtf8(await readFileOrInput(argument, stdin)) : argument;
}
