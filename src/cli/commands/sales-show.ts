import { readSales } from '../../node/selling/sales-file.js';
import { stripePaths } from '../../node/selling/stripe-paths.js';
import { openVendorFolder } from '../../node/vendor/folder.js';
import { ordersPath } from '../../server/selling/shop-api.js';
import { formatCount } from '../amounts.js';
import { describeItems } from '../batches.js';
import { defineCommand } from '../command.js';
import { formatPairs, formatTable } from '../table.js';

export const salesShow = defineCommand({
  name: 'sales show',
  summary: 'Show how cards are sold: which shops have a token, and what Stripe sells',
  usage: '[folder] [options]',
  options: {},
  words: [0, 1],
  notes: 'It shows no secret.',
  async run({ terminal, positionals }) {
    const folder = await openVendorFolder(positionals[0] ?? '.');
    const { origin } = folder.document;
    const settings = await readSales(folder.path);
    const { tokens = [], products = {}, stripe = [] } = settings ?? {};
    const shown = {
      mode: folder.settings.mode,
      tokens: tokens.map(({ name }) => name),
      stripe: stripe.length > 0,
      products: Object.entries(products).map(([name, product]) => ({ name, ...product })),
      orders: `${origin}${ordersPath}`,
      webhook: `${origin}${stripePaths.webhook}`,
      thanks: `${origin}${stripePaths.thanks}?session_id={CHECKOUT_SESSION_ID}`,
    };
    if (terminal.json) {
      terminal.printJson(shown);
      return;
    }
    if (!settings) {
      terminal.print(
        'Nothing is sold by others yet. Begin with `impuls sales token <name>` for a shop of your own, or `impuls sales stripe`.',
      );
      return;
    }
    const { paint } = terminal;
    const lines = [
      formatPairs(
        [
          ['Mode', shown.mode],
          ['Shops', shown.tokens.length === 0 ? 'none' : `${shown.tokens.join(', ')}, at ${shown.orders}`],
          ['Stripe', shown.stripe ? `webhook ${shown.webhook}` : 'not set up'],
          ...(shown.stripe ? [['After payment', shown.thanks] as const] : []),
        ],
        paint,
      ),
    ];
    if (shown.products.length > 0) {
      lines.push(
        '',
        formatTable(
          [{ head: 'Product' }, { head: 'Cards' }, { head: 'Amount', align: 'right' }, { head: 'Currency' }],
          shown.products.map(({ name, items, amount, currency }) => [
            name,
            describeItems({ items }),
            formatCount(amount),
            currency.toUpperCase(),
          ]),
          paint,
        ),
      );
    }
    terminal.print(lines.join('\n'));
  },
});
