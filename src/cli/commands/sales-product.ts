import { ImpulsError } from '../../core/errors.js';
import { changeSales } from '../../node/selling/sales-file.js';
import { openVendorFolder } from '../../node/vendor/folder.js';
import { checkItems } from '../../server/order-items.js';
import { formatUnits, plural } from '../amounts.js';
import { defineCommand, wholeNumber } from '../command.js';
import { checkName, reloadSales } from '../serving/sales-setup.js';

export const salesProduct = defineCommand({
  name: 'sales product',
  summary: 'Say what a product of Stripe is: which cards, for which price',
  usage: '<name> [folder] --units <units> --amount <amount> --currency <code>',
  options: {
    units: { type: 'string', value: '<units>', help: 'Units of each card' },
    cards: { type: 'string', value: '<count>', help: 'Cards of one; default 1' },
    amount: {
      type: 'string',
      value: '<amount>',
      help: 'The price of one in the smallest unit of the currency, as Stripe counts: 999 for 9.99',
    },
    currency: { type: 'string', value: '<code>', help: 'Of the price, as eur' },
    remove: { type: 'boolean', help: 'It is sold no longer; what was sold stays good' },
  },
  words: [1, 2],
  notes:
    'Give the payment link, or each checkout session, the metadata impuls=<name>. A buyer may take several: how many\nfollows from the sum, before discounts and taxes. A sum that is not a number of them makes no order, and Stripe\nshows it as failed. Works beside a running `vendor serve`.',
  examples: ['impuls sales product card-1000 shop --units 1000 --amount 999 --currency eur'],
  async run({ terminal, values, positionals }) {
    const name = checkName(positionals[0]!);
    const folder = await openVendorFolder(positionals[1] ?? '.');
    if (values.remove) {
      await changeSales(folder.path, (settings) => {
        const { [name]: removed, ...products } = settings.products;
        if (removed) return { ...settings, products };
        throw new ImpulsError('invalid-argument', `there is no product "${name}"`, {
          hint: 'See `impuls sales show`.',
        });
      });
      const server = await reloadSales(terminal, folder.path);
      if (terminal.json) terminal.printJson({ product: name, removed: true, server });
      else terminal.print(`${terminal.paint.green('✓')} "${name}" is sold no longer.`);
      return;
    }
    const { units, amount, currency } = values;
    if (units === undefined || amount === undefined || !/^[A-Za-z]{3}$/.test(currency ?? '')) {
      throw new ImpulsError(
        'invalid-argument',
        'impuls sales product: units, amount or currency is missing',
        {
          hint: 'Say all three: --units 1000 --amount 999 --currency eur',
        },
      );
    }
    const count = wholeNumber(values.cards ?? '1', '--cards');
    const items = [{ denomination: wholeNumber(units, '--units'), count }];
    checkItems(folder.document, items, Math.floor(Date.now() / 1000));
    const product = { items, amount: wholeNumber(amount, '--amount'), currency: currency!.toLowerCase() };
    await changeSales(folder.path, (settings) => ({
      ...settings,
      products: { ...settings.products, [name]: product },
    }));
    const server = await reloadSales(terminal, folder.path);
    if (terminal.json) terminal.printJson({ name, ...product, server });
    else {
      terminal.print(
        `${terminal.paint.green('✓')} "${name}" is ${plural(count, 'card')} of ${formatUnits(items[0]!.denomination)} ` +
          `for ${product.amount} of the smallest unit of ${product.currency.toUpperCase()}.\nGive its payment link the metadata impuls=${name}`,
      );
    }
  },
});
