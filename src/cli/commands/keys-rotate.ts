import { toBase64url } from '../../core/base64url.js';
import { formatKeyDocument, parseKeyDocument } from '../../core/key-document.js';
import { rotateKeys, type KeyKind } from '../../node/vendor/rotation.js';
import { formatDay } from '../amounts.js';
import { defineCommand, readDay, wholeNumber } from '../command.js';
import { reloadServer, serverWords } from '../serving/reloading.js';

export const keysRotate = defineCommand({
  name: 'keys rotate',
  summary: 'Make new keys and publish them in a new key document',
  usage: '[folder] [options]',
  options: {
    denominations: {
      type: 'string',
      value: '<units,…>',
      help: 'Issuing keys of these cards only, or of new ones; default: of all that are issued',
    },
    from: {
      type: 'string',
      value: '<day>',
      help: 'The new issuing keys issue from then on, as in 2027-01-01 (UTC); default today',
    },
    activation: {
      type: 'boolean',
      help: 'The activation key: its old secret opens for 7 days, then it is destroyed',
    },
    statement: { type: 'boolean', help: 'The statement key: the old public one stays in the document' },
  },
  words: [0, 1],
  notes:
    'Issuing keys are rotated unless only --activation or --statement is asked for. Old issuing keys go on until\ntheir time is over; at most two of one kind of cards issue at a time. Works beside a running `vendor serve`.\nInterrupted, run it again: what was done on the same day is not done twice.',
  examples: ['impuls keys rotate shop --from 2027-01-01', 'impuls keys rotate shop --activation'],
  async run({ terminal, values, positionals }) {
    const path = positionals[0] ?? '.';
    const others = (['activation', 'statement'] as const).filter((kind) => values[kind]);
    const issuing = others.length === 0 || values.denominations !== undefined || values.from !== undefined;
    const kinds: KeyKind[] = [...(issuing ? (['issuing'] as const) : []), ...others];
    const bar = terminal.bar();
    const rotated = await rotateKeys(
      path,
      {
        kinds,
        ...(values.denominations !== undefined && {
          denominations: values.denominations
            .split(',')
            .map((text) => wholeNumber(text.trim(), 'a denomination')),
        }),
        ...(values.from !== undefined && { notBefore: readDay(values.from, '--from') }),
      },
      { onProgress: (done, total) => bar.update('making keys', done, total) },
    ).finally(() => bar.clear());
    const { server } = await reloadServer(terminal, path);
    const digest = toBase64url(parseKeyDocument(formatKeyDocument(rotated.document)).digest);
    const { document, ...made } = rotated;
    if (terminal.json) {
      terminal.printJson({ vendor: document.origin, document: digest, server, ...made });
      return;
    }
    const lines = [
      ...made.issuing.map(
        ({ id, denomination, notBefore, notAfter }) =>
          `Cards of ${denomination}: ${id}, issues from ${formatDay(notBefore)} until ${formatDay(notAfter)}`,
      ),
      ...(made.activation ? [`Activation: ${made.activation.id}; the old one opens for 7 days more`] : []),
      ...(made.statement ? [`Statements: ${made.statement.key}; the old one stays in the document`] : []),
    ];
    if (lines.length === 0) {
      terminal.print('Nothing to do: these keys were made today, or for that day, already.');
      return;
    }
    const { paint } = terminal;
    terminal.print(
      [
        ...lines.map((line) => `${paint.green('✓')} ${line}`),
        '',
        `The key document is now ${digest}. ${serverWords[server]}`,
        'Back the folder up: keys.json has new secrets. Mirrors of the document need the new one, too.',
      ].join('\n'),
    );
  },
});
