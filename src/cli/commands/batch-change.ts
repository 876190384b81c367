import { ImpulsError } from '../../core/errors.js';
import { openVendorFolder } from '../../node/vendor/folder.js';
import { changeCodes } from '../../server/batches.js';
import { formatCount, plural } from '../amounts.js';
import { describeBatch, findBatch, formatSerials, parseSerials, sizeOf, type Serials } from '../batches.js';
import { defineCommand, type Command } from '../command.js';
import { withBatches } from '../serving/batch-desk.js';

/** Bringing codes to another state: `batch activate` and `batch void`. */

const serials = {
  type: 'string',
  value: '<ranges>',
  help: 'Of these serials only: 1-100, or 1-100,150',
} as const;

export const batchActivate: Command = defineCommand({
  name: 'batch activate',
  summary: 'Make scratch cards worth something, when they are sold or given out for sale',
  usage: '<batch> [folder] [options]',
  options: { serials },
  words: [1, 2],
  notes: 'Void codes stay void. Works beside a running `vendor serve`.',
  examples: ['impuls batch activate 1 shop', 'impuls batch activate 1 shop --serials 1-100'],
  async run({ terminal, values, positionals }) {
    const done = await change(positionals, values.serials, 'active');
    if (terminal.json) terminal.printJson(done);
    else terminal.print(describe(done, 'activated', 'active, redeemed or void before'));
  },
});

export const batchVoid: Command = defineCommand({
  name: 'batch void',
  summary: 'Make scratch cards worth nothing, for ever, such as those that were lost',
  usage: '<batch> [folder] --serials <ranges> | --all',
  options: { serials, all: { type: 'boolean', help: 'The whole batch' } },
  words: [1, 2],
  notes:
    'Codes that were redeemed stay redeemed, and their cards good. Nothing makes a void code good again. Works beside\na running `vendor serve`.',
  examples: ['impuls batch void 1 shop --serials 37', 'impuls batch void 1 shop --all'],
  async run({ terminal, values, positionals }) {
    if ((values.serials === undefined) !== (values.all === true)) {
      throw new ImpulsError('invalid-argument', 'impuls batch void: which codes?', {
        hint: 'Say --serials 1-100, or --all for the whole batch: void codes never come back.',
      });
    }
    const done = await change(positionals, values.serials, 'void');
    if (terminal.json) terminal.printJson(done);
    else terminal.print(describe(done, 'void', 'redeemed or void before'));
  },
});

interface Changed {
  readonly batch: number;
  readonly serials: readonly Serials[];
  readonly state: 'active' | 'void';
  readonly changed: number;
  /** Named, and left as they were. */
  readonly unchanged: number;
}

async function change(
  [word = '', place = '.']: readonly string[],
  ranges: string | undefined,
  state: 'active' | 'void',
): Promise<Changed> {
  const wanted = ranges === undefined ? undefined : parseSerials(ranges);
  const folder = await openVendorFolder(place);
  return withBatches(folder, async (desk) => {
    const batch = await findBatch(desk, word);
    const size = sizeOf(batch);
    const named = wanted ?? [{ from: 1, to: size }];
    if (named.some(({ to }) => to > size)) {
      throw new ImpulsError('invalid-argument', `${describeBatch(batch)}, has no serial that high`, {
        hint: `Say --serials within 1-${size}.`,
      });
    }
    let changed = 0;
    const now = Math.floor(Date.now() / 1000);
    for (const { from, to } of named) {
      changed += await changeCodes(desk, batch.number, from, to, state, now);
    }
    const asked = named.reduce((sum, { from, to }) => sum + to - from + 1, 0);
    return { batch: batch.number, serials: named, state, changed, unchanged: asked - changed };
  });
}

function describe({ batch, serials, changed, unchanged }: Changed, done: string, others: string): string {
  const rest =
    unchanged === 0 ? '' : `; ${formatCount(unchanged)} ${unchanged === 1 ? 'was' : 'were'} ${others}`;
  return `Batch ${batch}, serials ${formatSerials(serials)}: ${plural(changed, 'code')} ${done}${rest}.`;
}
