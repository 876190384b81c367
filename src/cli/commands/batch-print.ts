import { readFile } from 'node:fs/promises';
import { ImpulsError } from '../../core/errors.js';
import { parseCodesFile } from '../../node/printing/codes-file.js';
import {
  cardsOnSheet,
  loadPrinting,
  papers,
  writeSheets,
  type PaperName,
} from '../../node/printing/sheet.js';
import { plural } from '../amounts.js';
import { parseSerials } from '../batches.js';
import { defineCommand } from '../command.js';
import { readFileOrInput } from '../input.js';

export const batchPrint = defineCommand({
  name: 'batch print',
  summary: 'Make a PDF of scratch cards, to be printed and cut',
  usage: '<codes.csv> -o <sheet.pdf> [options]',
  options: {
    out: { type: 'string', short: 'o', value: '<file>', help: 'The PDF; required' },
    paper: {
      type: 'string',
      value: 'a4|letter',
      help: 'Default a4: cards of 85 × 54 mm; letter: 3.5 × 2 in',
    },
    serials: { type: 'string', value: '<ranges>', help: 'Of these serials only: 1-100, or 1-100,150' },
    font: {
      type: 'string',
      value: '<file>',
      help: 'A font for names that the fonts of PDF have no letters for',
    },
  },
  words: [1, 1],
  notes:
    'Each card has the code, and a QR code of the link that redeems it; cut marks stand beside the cards. The file\nof codes is what `impuls batch create` wrote. Needs the packages pdfkit and qrcode.',
  examples: [
    'impuls batch print codes.csv -o sheet.pdf',
    'impuls batch print codes.csv --paper letter -o sheet.pdf',
  ],
  async run({ terminal, values, positionals, stdin }) {
    const { out } = values;
    if (out === undefined) {
      throw new ImpulsError('invalid-argument', 'impuls batch print needs a file for the PDF', {
        hint: 'Add -o sheet.pdf.',
      });
    }
    const paper = readPaper(values.paper);
    const ranges = values.serials === undefined ? undefined : parseSerials(values.serials);
    const printing = await loadPrinting();
    const font = values.font === undefined ? undefined : await readFont(values.font);
    const all = parseCodesFile((await readFileOrInput(positionals[0]!, stdin)).toString('utf8'));
    const cards = ranges
      ? all.filter(({ serial }) => ranges.some(({ from, to }) => from <= serial && serial <= to))
      : all;
    if (cards.length === 0) {
      throw new ImpulsError('invalid-argument', 'there is no code to print', {
        hint: ranges ? 'Say other --serials.' : 'Give the file that `impuls batch create` wrote.',
      });
    }
    const bar = terminal.bar();
    await writeSheets(printing, out, cards, {
      paper,
      font,
      onProgress: (done, total) => bar.update('sheets', done, total),
    }).finally(() => bar.clear());
    const sheets = Math.ceil(cards.length / cardsOnSheet);
    if (terminal.json) {
      terminal.printJson({ file: out, paper, cards: cards.length, sheets });
      return;
    }
    terminal.print(
      `${terminal.paint.green('✓')} ${plural(cards.length, 'card')} on ${plural(sheets, 'sheet')} ` +
        `of ${papers[paper].name}: ${out}\nPrint it at 100 %, not scaled to fit. Who has it has the codes: it is for your eyes only.`,
    );
  },
});

function readPaper(name = 'a4'): PaperName {
  if (Object.hasOwn(papers, name)) return name as PaperName;
  throw new ImpulsError('invalid-argument', `--paper has no "${name}"`, {
    hint: `Say ${Object.keys(papers).join(' or ')}.`,
  });
}

async function readFont(path: string): Promise<Uint8Array> {
  return readFile(path).catch((cause: unknown) => {
    throw new ImpulsError('invalid-argument', `the font ${path} cannot be read`, {
      cause,
      hint: 'Name a file in TrueType or OpenType: .ttf, .otf',
    });
  });
}
