import { ImpulsError } from '../../core/errors.js';
import { auditLedger, type AuditReport, type AuditStep, type ChainHead } from '../../node/audit.js';
import { openVendorFolder } from '../../node/vendor/folder.js';
import { refuseDatabase } from '../../node/vendor/ledger.js';
import { formatCount, plural } from '../amounts.js';
import { defineCommand } from '../command.js';
import { exitCodes } from '../exit-codes.js';
import { formatPairs } from '../table.js';
import type { Terminal } from '../terminal.js';

const steps: Readonly<Record<AuditStep, string>> = {
  links: 'rows of the journal',
  cards: 'rows back to their cards',
  books: 'the books',
};

export const audit = defineCommand({
  name: 'audit',
  summary: 'Check that nothing in a ledger was changed, removed, added or moved',
  usage: '[folder] [options]',
  options: {
    expect: {
      type: 'string',
      value: '<seq>:<link>',
      help: 'A head that an audit printed before: the ledger must still lead to it',
    },
  },
  words: [0, 1],
  notes:
    'Reads the file on its own, beside a running `vendor serve`. The journal is a chain of hashes, a link a commit. Its\nrows must make the cards, every link of a `chain` card must hash down to its anchor, and the books must agree with\ncards and orders to the unit. The exit code is 0 if all holds, and 1 with the first thing that does not.\n\nWho can write the file can write a new chain. So note the head that is printed where nobody can change it, and say it\nas --expect the next time. What was purged leaves its link; a head from before the retention can be shown no more.',
  examples: ['impuls audit shop', 'impuls audit shop --expect 4711:q1w2…'],
  async run({ terminal, values, positionals }) {
    const expect = values.expect === undefined ? undefined : readHead(values.expect);
    const { ledgerPath, document, ended, settings } = await openVendorFolder(positionals[0] ?? '.');
    refuseDatabase(
      settings,
      'there is no chained journal to audit',
      'See `impuls liability` for its books. Who may write to a database is for its roles to say.',
    );
    const bar = terminal.bar();
    const report = await auditLedger(ledgerPath, {
      terms: new Map([...ended, ...document.cards].map((key) => [key.id, key])),
      expect,
      onProgress: (step, done, total) => bar.update(steps[step], done, total),
    }).finally(() => bar.clear());
    if (terminal.json) terminal.printJson({ ok: report.fault === undefined, ...report });
    else print(terminal, report, expect);
    return report.fault === undefined ? exitCodes.ok : exitCodes.failure;
  },
});

/** @throws ImpulsError `invalid-argument` */
function readHead(text: string): ChainHead {
  const [, seq, link] = /^(\d{1,15}):([\w-]{43})$/.exec(text) ?? [];
  if (seq !== undefined && link !== undefined) return { seq: Number(seq), link };
  throw new ImpulsError('invalid-argument', `"${text}" is no head of a ledger`, {
    hint: 'Say --expect with what `impuls audit` printed as the head, whole.',
  });
}

function print({ paint, print }: Terminal, report: AuditReport, expect: ChainHead | undefined): void {
  const { fault, head, groups, rows, purged, cards } = report;
  const verdict = fault
    ? `${paint.red('✗')} Something is wrong: ${fault}`
    : `${paint.green('✓')} All of it holds${expect ? `, and leads to the head ${expect.seq}` : ''}.`;
  const kept = `${plural(rows, 'row')} in ${plural(groups, 'group')}`;
  const gone = purged > 0 ? `; ${formatCount(purged)} were purged, of which the links are there` : '';
  print(
    [
      verdict,
      '',
      formatPairs(
        [
          ['Journal', kept + gone],
          ['Cards', formatCount(cards)],
          ['Head', head ? `${head.seq}:${head.link}` : 'nothing was written yet'],
        ],
        paint,
      ),
      ...(fault
        ? ['', 'Keep the file as it is, stop the server, and compare it with your backups and noted heads.']
        : []),
    ].join('\n'),
  );
}
