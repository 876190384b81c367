import { ImpulsError } from '../../core/errors.js';
import { openVendorFolder, type VendorFolder } from '../../node/vendor/folder.js';
import { describeItems } from '../batches.js';
import { defineCommand } from '../command.js';
import { askLedger } from '../serving/ledger-owner.js';
import { openSalesBook, type FoundSale } from '../serving/sales-desk.js';

export const salesOrder = defineCommand({
  name: 'sales order',
  summary: 'Look up what became of a sale; hold it, free it, or void it',
  usage: '<reference> [folder] [--hold | --free | --void]',
  options: {
    hold: { type: 'boolean', help: 'Its code is worth nothing for now' },
    free: { type: 'boolean', help: 'Its code is good again, whatever held it' },
    void: { type: 'boolean', help: 'Its code is worth nothing for ever' },
  },
  words: [1, 2],
  notes:
    'The reference is that of your shop, or what Stripe calls the session (cs_…) or the payment (pi_…). What was redeemed\nstays so: nobody can tell which cards it became. Works beside a running `vendor serve`.',
  examples: ['impuls sales order order-1001 shop', 'impuls sales order pi_3Qx shop --free'],
  async run({ terminal, values, positionals }) {
    const [reference = '', place = '.'] = positionals;
    const wanted = (['hold', 'free', 'void'] as const).filter((one) => values[one]);
    if (wanted.length > 1) {
      throw new ImpulsError('invalid-argument', 'impuls sales order: one of --hold, --free and --void', {
        hint: 'Say what is to become of it.',
      });
    }
    const [state] = wanted.map((one) => (one === 'hold' ? 'held' : one));
    const folder = await openVendorFolder(place);
    const sale = await find(folder, reference, state);
    if (!sale) {
      throw new ImpulsError('invalid-argument', 'there is no sale of that reference here', {
        hint: 'Compare it with your shop or with Stripe. A payment is forgotten once its code is redeemed: look for the session.',
      });
    }
    if (terminal.json) {
      terminal.printJson({ reference, ...sale });
      return;
    }
    terminal.print(`${reference}: ${describeItems(sale)}, ${words[sale.state]}.`);
    const reached = { held: 'held', free: 'active', void: 'void' } as const;
    if (state !== undefined && sale.state !== reached[state]) {
      terminal.note(
        sale.state === 'redeemed' ? 'It was redeemed before: nothing was changed.' : 'It stays so.',
      );
    }
  },
});

const words: Readonly<Record<FoundSale['state'], string>> = {
  active: 'not redeemed yet',
  held: 'on hold',
  void: 'void',
  redeemed: 'redeemed',
};

async function find(
  folder: VendorFolder,
  name: string,
  state: 'held' | 'free' | 'void' | undefined,
): Promise<FoundSale | undefined> {
  const request = { do: 'sale', name, ...(state && { state }) };
  const { sale } = await askLedger<{ readonly sale?: FoundSale | undefined }>(
    folder,
    request,
    async (ledger) => {
      const book = await openSalesBook(folder, ledger);
      return { sale: await book.order(name, state).finally(() => book.close()) };
    },
  );
  return sale;
}
