import type { KeyDocument } from '../../core/key-document.js';
import { issuingKeys } from '../../core/key-life.js';
import { ImpulsError } from '../../core/errors.js';
import { createCodesFile } from '../../node/printing/codes-file.js';
import { daySeconds } from '../../node/vendor/files.js';
import { openVendorFolder, type VendorFolder } from '../../node/vendor/folder.js';
import { changeCodes } from '../../server/batches.js';
import type { BatchTerms } from '../../server/index.js';
import { formatDay, formatUnits, plural } from '../amounts.js';
import type { Bar } from '../bar.js';
import { defineCommand, readDay, wholeNumber, type Values } from '../command.js';
import { exitCodes } from '../exit-codes.js';
import { checkTerms } from '../serving/admin-batches.js';
import { withBatches, type BatchDesk } from '../serving/batch-desk.js';
import { itemOf, itemOptions } from '../serving/items.js';
import { makeBatch } from '../serving/new-batch.js';
import { untilStopped } from '../serving/signals.js';

const maxCodes = 1_000_000;

const options = {
  count: { type: 'string', value: '<count>', help: 'How many codes; required' },
  ...itemOptions,
  label: { type: 'string', value: '<text>', help: 'What you call the batch' },
  expires: {
    type: 'string',
    value: '<day>',
    help: 'Last day on which codes are redeemed, 2027-12-31 (UTC); default: as long as its issuing key issues',
  },
  out: { type: 'string', value: '<file>', help: 'Where the codes go; default codes.csv' },
} as const;

export const batchCreate = defineCommand({
  name: 'batch create',
  summary: 'Make the codes of scratch cards, worth nothing until they are activated',
  usage: '[folder] --count <count> [options]',
  options,
  words: [0, 1],
  notes:
    'The codes are in that file and nowhere else: the vendor keeps a keyed hash of each. Print them, and activate\nwhat is sold. Works beside a running `vendor serve`.',
  examples: [
    'impuls batch create shop --count 500 --units 1000 --out codes.csv',
    'impuls batch create shop --count 100 --label "Kiosk" --expires 2027-06-30',
  ],
  async run({ terminal, values, positionals }) {
    const now = Math.floor(Date.now() / 1000);
    const count = wholeNumber(required(values.count), '--count', 1, maxCodes);
    const folder = await openVendorFolder(positionals[0] ?? '.');
    const terms = termsOf(folder.document, values, now);
    checkTerms(folder.document, terms, now);
    const out = values.out ?? 'codes.csv';
    const bar = terminal.bar();
    const stopping = new AbortController();
    void untilStopped().then(() => stopping.abort());
    const batch = await withBatches(folder, (desk) =>
      print(desk, folder, terms, count, out, bar, stopping.signal).finally(() => bar.clear()),
    );
    if (batch === undefined) {
      terminal.note('Stopped: the codes made so far are void, and no file was written.');
      return exitCodes.failure;
    }
    const { label, items, expires } = terms;
    const last = formatDay(expires - 1);
    if (terminal.json) {
      const { origin } = folder.document;
      terminal.printJson({ vendor: origin, batch, label, items, count, expires: last, file: out });
      return exitCodes.ok;
    }
    const [{ denomination, count: cards }] = items as [BatchTerms['items'][number]];
    const good = cards === 1 ? formatUnits(denomination) : `${cards} cards of ${formatUnits(denomination)}`;
    const place = positionals[0] === undefined ? '' : ` ${positionals[0]}`;
    terminal.print(
      `${terminal.paint.green('✓')} Batch ${batch}: ${plural(count, 'code')}, each good for ${good} until ${last}.\n` +
        `They are in ${out} and nowhere else. None is worth anything yet.\n\n` +
        `Print them: impuls batch print ${out} -o sheet.pdf\n` +
        `Once sold:  impuls batch activate ${batch}${place}`,
    );
    return exitCodes.ok;
  },
});

function required(count: string | undefined): string {
  if (count !== undefined) return count;
  throw new ImpulsError('invalid-argument', 'impuls batch create: how many codes?', {
    hint: 'Add --count <count>.',
  });
}

function termsOf(document: KeyDocument, values: Values<typeof options>, now: number): BatchTerms {
  const item = itemOf(document, values, now);
  const keys = issuingKeys(document, now).filter((key) => key.denomination === item.denomination);
  return {
    label: values.label ?? '',
    items: [item],
    created: now,
    expires:
      values.expires === undefined
        ? Math.max(now + 1, ...keys.map((key) => key.notAfter))
        : readDay(values.expires, '--expires') + daySeconds,
  };
}

/** @returns the number of the batch; undefined if it was stopped @throws ImpulsError, and leaves no code that could be activated */
async function print(
  desk: BatchDesk,
  folder: VendorFolder,
  terms: BatchTerms,
  count: number,
  out: string,
  bar: Bar,
  signal: AbortSignal,
): Promise<number | undefined> {
  const file = await createCodesFile(out);
  let batch = 0;
  let done = 0;
  try {
    for await (const share of makeBatch(desk, folder, terms, count)) {
      batch = share.batch;
      await file.append(share.codes);
      done += share.codes.length;
      bar.update('codes', done, count);
      if (signal.aborted) break;
    }
    if (done === count) {
      await file.finish();
      return batch;
    }
    await abandon();
    return undefined;
  } catch (error) {
    await abandon().catch(() => {});
    throw error;
  }

  async function abandon(): Promise<void> {
    await file.discard();
    if (batch > 0) await changeCodes(desk, batch, 1, count, 'void', Math.floor(Date.now() / 1000));
  }
}
