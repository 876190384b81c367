import { worthOf } from '../../core/key-document.js';
import { openVendorFolder, type VendorFolder } from '../../node/vendor/folder.js';
import type { FailureGauge, Totals } from '../../server/index.js';
import { formatCount, formatUnits } from '../amounts.js';
import { defineCommand } from '../command.js';
import { askEvery } from '../serving/admin-socket.js';
import { askLedger } from '../serving/ledger-owner.js';
import { sumFailures } from '../serving/server-sums.js';
import { formatPairs } from '../table.js';
import type { Paint } from '../paint.js';

/** Of a server that runs there are failures to tell; of a folder alone there are none. */
interface Status {
  readonly totals: Totals;
  readonly failures?: FailureGauge;
}

export const vendorStatus = defineCommand({
  name: 'vendor status',
  summary: 'Show what was sold and spent, and whether somebody guesses vouchers',
  usage: '[folder] [options]',
  options: {},
  words: [0, 1],
  notes:
    'Works beside a running `vendor serve`. Wrong vouchers are counted by a server while it runs, in memory, and it\ntells of no source. Of servers on other hosts the counts are not known here.',
  async run({ terminal, positionals }) {
    const folder = await openVendorFolder(positionals[0] ?? '.');
    const { totals, failures } = await readStatus(folder);
    const { origin, unit } = folder.document;
    if (terminal.json) {
      terminal.printJson({ vendor: origin, running: failures !== undefined, ...totals, failures });
      return;
    }
    const { paint } = terminal;
    const units = (count: number): string => `${formatUnits(count)}, ${worthOf(count, unit)}`;
    terminal.print(
      formatPairs(
        [
          ['Vendor', origin],
          ['Vouchers', `${formatCount(totals.orders)} made, ${formatCount(totals.ordersServed)} redeemed`],
          ['Cards', `${formatCount(totals.cards)} active, ${units(totals.units)}`],
          ['Spent', units(totals.spent)],
          ['Wrong codes', failures ? describeFailures(failures, paint) : 'no server runs'],
        ],
        paint,
      ),
    );
  },
});

function describeFailures(gauge: FailureGauge, paint: Paint): string {
  const { level, limit, blockedSources, failed, refused } = gauge;
  const now = `${formatCount(Math.ceil(level))} of ${formatCount(limit)} now`;
  const blocked = `${formatCount(blockedSources)} ${blockedSources === 1 ? 'source' : 'sources'} stopped`;
  const since = `${formatCount(failed)} tried and ${formatCount(refused)} refused since it started`;
  const text = `${now}, ${blocked}; ${since}`;
  if (level + 1 > limit) return paint.red(text);
  return blockedSources > 0 ? paint.yellow(text) : text;
}

async function readStatus(folder: VendorFolder): Promise<Status> {
  const told = (await askEvery(folder.path, { do: 'status' })) as ReadonlyArray<Required<Status>>;
  if (told[0]) return { totals: told[0].totals, failures: sumFailures(told.map(({ failures }) => failures)) };
  return askLedger<Status>(folder, { do: 'status' }, async (ledger) => ({ totals: await ledger.totals() }));
}
