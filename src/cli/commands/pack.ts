import { resolve } from 'node:path';
import { ImpulsError } from '../../core/errors.js';
import { openContentRegistry } from '../../node/content-registry.js';
import { packFiles } from '../../node/packing/files.js';
import { checkPlaces } from '../../node/packing/source-files.js';
import { openVendorFolder, type VendorFolder } from '../../node/vendor/folder.js';
import { byteProgress } from '../byte-progress.js';
import { defineCommand, type Call } from '../command.js';
import { exitCodes } from '../exit-codes.js';
import { packFilm } from '../packing/film.js';
import { readPrices } from '../packing/prices.js';
import { showFiles, showFilm } from '../packing/show.js';
import { untilStopped } from '../serving/signals.js';

const options = {
  price: { type: 'string', value: '<units>', help: 'What the key of a file costs, or each key of a film' },
  'price-for': {
    type: 'string',
    value: '<pattern=units>',
    multiple: true,
    help: "Another price for some files: '*.pdf=5', 'big/**=20'; the last that matches holds",
  },
  vendor: { type: 'string', value: '<folder>', help: 'Whose keys they are; default: this folder' },
  out: { type: 'string', value: '<folder>', help: 'Where the sealed files go; required' },
  force: { type: 'boolean', help: 'Replace files whose content is another now; they get new keys' },
  hls: { type: 'boolean', help: 'It is a film in HLS: encrypt its segments, sell it key by key' },
  every: { type: 'string', value: '<count>', help: 'With --hls: segments that share a key; default 1' },
  follow: { type: 'boolean', help: 'With --hls: go on while the film grows, until it ends or Ctrl+C' },
  title: {
    type: 'string',
    value: '<text>',
    help: "With --hls: the film's name in the vendor's list of keys",
  },
} as const;

export const pack = defineCommand({
  name: 'pack',
  summary: 'Seal files or a film for any static host, and put the keys up for sale',
  usage: '<file|folder> --price <units> --out <folder> [options]',
  options,
  words: [1, 1],
  notes:
    'Each file gets a key of its own, which the vendor sells; the files themselves can lie anywhere. Works beside a\nrunning `vendor serve`. Packing again keeps what has not changed, with its key; a new price holds at once.',
  examples: [
    "impuls pack reports --price 3 --price-for '*.csv=20' --vendor shop --out cdn",
    'impuls pack --hls film --price 1 --every 2 --vendor shop --out cdn/film',
  ],
  async run(call) {
    const { terminal, values, positionals } = call;
    checkOptions(values);
    const source = positionals[0]!;
    const out = resolve(values.out);
    const folder = await openVendorFolder(values.vendor ?? '.');
    await checkPlaces({ source, out, vendor: folder.path });
    const stopping = new AbortController();
    void untilStopped().then(() => stopping.abort());
    try {
      await work(call, source, out, folder, stopping.signal);
      return exitCodes.ok;
    } catch (error) {
      if (!stopping.signal.aborted) throw error;
      terminal.note('Stopped; nothing was changed.');
      return exitCodes.failure;
    }
  },
});

async function work(
  { terminal, values }: Call<typeof options>,
  source: string,
  out: string,
  { registryPath, document }: VendorFolder,
  signal: AbortSignal,
): Promise<void> {
  const { origin, unit } = document;
  const { price, every, title } = values;
  const registry = await openContentRegistry(registryPath);
  const bar = terminal.bar();
  try {
    if (values.hls) {
      const follow = values.follow ? signal : undefined;
      const film = await packFilm({ source, out, origin, registry, price, every, title, follow, bar });
      bar.clear();
      showFilm(terminal, out, unit, film);
      return;
    }
    const priceOf = readPrices(price, values['price-for']);
    const progress = byteProgress(bar);
    const packed = await packFiles({
      source,
      out,
      vendor: { origin, unit },
      registry,
      priceOf,
      existing: values.force ? 'replace' : 'refuse',
      onProgress: ({ path, done, total }) => progress(path, done, total),
      signal,
    });
    bar.clear();
    showFiles(terminal, out, unit, packed);
  } finally {
    bar.clear();
    await registry.close();
  }
}

type Values = Call<typeof options>['values'];

function checkOptions(values: Values): asserts values is Values & { readonly out: string } {
  if (values.out === undefined) {
    throw new ImpulsError('invalid-argument', 'impuls pack needs a folder for the sealed files', {
      hint: 'Add --out <folder>.',
    });
  }
  const ofFiles = (['price-for', 'force'] as const).find((name) => values[name] !== undefined);
  const ofFilms = (['every', 'follow', 'title'] as const).find((name) => values[name] !== undefined);
  const wrong = values.hls ? ofFiles : ofFilms;
  if (wrong === undefined) return;
  throw new ImpulsError('invalid-argument', `--${wrong} is for ${values.hls ? 'files' : 'films'}`, {
    hint: values.hls ? `Leave it out.` : 'Add --hls, or leave it out.',
  });
}
