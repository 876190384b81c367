import { mkdir, writeFile } from 'node:fs/promises';
import { basename, join, relative, resolve } from 'node:path';
import { ImpulsError } from '../../core/errors.js';
import { exists } from '../../node/durable-file.js';
import { initVendorFolder } from '../../node/vendor/folder.js';
import { readRefunds, withoutPassword, type VendorMode } from '../../node/vendor/settings.js';
import { plural } from '../amounts.js';
import { defineCommand, wholeNumber } from '../command.js';
import { formatPairs } from '../table.js';

const sample = `Hello! If you read this, you have paid for it.

Put your own files into this folder; what they cost stands in vendor.json.
`;

export const vendorInit = defineCommand({
  name: 'vendor init',
  summary: 'Make a vendor: its keys and its settings, in a folder',
  usage: '[folder] [options]',
  options: {
    origin: { type: 'string', value: '<url>', help: 'Where clients reach it; default http://127.0.0.1:8402' },
    name: { type: 'string', value: '<text>', help: 'Its name for people; default: that of the folder' },
    'unit-value': { type: 'string', value: '<decimal>', help: 'What one unit is worth; default 0.001' },
    currency: { type: 'string', value: '<code>', help: 'In which currency; default USD' },
    denominations: {
      type: 'string',
      value: '<units,…>',
      help: 'The cards to be sold, in units; default 100,1000',
    },
    mode: {
      type: 'string',
      value: 'test|live',
      help: 'Whether cards are sold for money; default live, and test for a plain http origin',
    },
    refunds: {
      type: 'string',
      value: 'reference|none',
      help: 'Whether you pay out what is left on cards, to whoever shows a reference; default none',
    },
    database: {
      type: 'string',
      value: '<url>',
      help: 'Its ledger is in PostgreSQL, for many servers: postgres://user@host/name; default: a file',
    },
    port: { type: 'string', value: '<port>', help: 'Where it listens; default: that of the origin, or 8402' },
  },
  words: [0, 1],
  notes:
    'The origin and the unit are fixed for ever: cards are bound to them. Everything else can be edited in\nvendor.json. The secrets are in keys.json: back the folder up, and show it to nobody.',
  examples: [
    'impuls vendor init shop',
    'impuls vendor init shop --origin https://news.example --name "Example News" --denominations 100,1000',
  ],
  async run({ terminal, values, positionals }) {
    const folder = resolve(positionals[0] ?? '.');
    const origin = values.origin ?? 'http://127.0.0.1:8402';
    const denominations = (values.denominations ?? '100,1000')
      .split(',')
      .map((text) => wholeNumber(text.trim(), 'a denomination'));
    const mode = readMode(values.mode, origin);
    const refunds = readRefunds(values.refunds ?? 'none');
    const bar = terminal.bar();
    bar.update('making keys', 0, denominations.length);
    try {
      await initVendorFolder(
        folder,
        {
          origin,
          name: values.name ?? basename(folder),
          unit: { code: 'unit', currency: values.currency ?? 'USD', value: values['unit-value'] ?? '0.001' },
          mode,
          listen: { host: '127.0.0.1', port: portOf(origin, values.port) },
          routes: [{ path: '/articles/*', price: 1, folder: 'articles' }],
          refunds,
          ...(values.database !== undefined && { database: withoutPassword(values.database) }),
          denominations,
        },
        { onProgress: (done, total) => bar.update('making keys', done, total) },
      );
    } finally {
      bar.clear();
    }
    await writeSample(join(folder, 'articles'));
    if (terminal.json) {
      terminal.printJson({ folder, origin, mode, denominations });
      return;
    }
    const at = relative(process.cwd(), folder);
    const argument = at === '' ? '' : ` ${at}`;
    terminal.print(
      [
        `${terminal.paint.green('✓')} A vendor with ${plural(denominations.length, 'kind')} of cards, in ${folder}`,
        ...(mode === 'test'
          ? ['Mode test: its cards are for trying out. Say "live" in vendor.json to sell them.']
          : []),
        '',
        formatPairs(
          [
            ['Settings', 'vendor.json (edit it: prices, folders, port)'],
            ['Secrets', 'keys.json (for you only; back it up)'],
            ['Sample', `${origin}/articles/hello.txt for 1 unit`],
          ],
          terminal.paint,
        ),
        '',
        'Next:',
        `  impuls vendor serve${argument}`,
        `  impuls voucher create${argument} --units ${denominations[0]}`,
      ].join('\n'),
    );
  },
});

function readMode(given: string | undefined, origin: string): VendorMode {
  if (given === undefined) return origin.startsWith('http:') ? 'test' : 'live';
  if (given === 'test' || given === 'live') return given;
  throw new ImpulsError('invalid-argument', `--mode is test or live, not "${given}"`);
}

function portOf(origin: string, given: string | undefined): number {
  if (given !== undefined) return wholeNumber(given, '--port', 0, 65_535);
  const url = URL.canParse(origin) ? new URL(origin) : undefined;
  return url?.protocol === 'http:' ? Number(url.port || 80) : 8402;
}

/** Something to buy at once; a folder of that name that is there already is left alone. */
async function writeSample(folder: string): Promise<void> {
  if (await exists(folder)) return;
  await mkdir(folder);
  await writeFile(join(folder, 'hello.txt'), sample);
}
