import { ImpulsError } from '../../core/errors.js';
import { changeSales } from '../../node/selling/sales-file.js';
import { stripeEvents, stripePaths } from '../../node/selling/stripe-paths.js';
import { openVendorFolder } from '../../node/vendor/folder.js';
import { defineCommand } from '../command.js';
import { readFileOrInput } from '../input.js';
import { reloadSales } from '../serving/sales-setup.js';
import { formatPairs } from '../table.js';

export const salesStripe = defineCommand({
  name: 'sales stripe',
  summary: 'Sell by Stripe Checkout: give it the signing secret of your webhook',
  usage: '[folder] [--secret-file <file>] | --remove',
  options: {
    'secret-file': {
      type: 'string',
      value: '<file>',
      help: 'Where the signing secret is, whsec_…; default -, the input',
    },
    remove: { type: 'boolean', help: 'Stripe sells nothing any more' },
  },
  words: [0, 1],
  notes:
    'In Stripe add an endpoint for webhooks with the address and the events that this command prints; it has a signing\nsecret. No key of the API is needed: nothing is asked of Stripe. A second secret is good beside the one before it,\nso that one can replace the other. Needs the package stripe. Works beside a running `vendor serve`.',
  examples: [
    'impuls sales stripe shop < webhook.secret',
    'impuls sales stripe shop --secret-file webhook.secret',
  ],
  async run({ terminal, values, positionals, stdin }) {
    const folder = await openVendorFolder(positionals[0] ?? '.');
    const { origin } = folder.document;
    if (values.remove) {
      await changeSales(folder.path, (settings) => ({ ...settings, stripe: [] }));
      const server = await reloadSales(terminal, folder.path);
      if (terminal.json) terminal.printJson({ stripe: false, server });
      else
        terminal.print(
          `${terminal.paint.green('✓')} Stripe sells nothing any more. Disputes are not heard of either.`,
        );
      return;
    }
    if (values['secret-file'] === undefined && stdin.isTTY)
      terminal.note('Paste the signing secret, then press Ctrl+D:');
    const secret = (await readFileOrInput(values['secret-file'] ?? '-', stdin)).toString('utf8').trim();
    if (!/^whsec_[\x21-\x7e]{8,250}$/.test(secret)) {
      throw new ImpulsError(
        'invalid-argument',
        'that is no signing secret of a webhook: it begins with whsec_',
        {
          hint: 'Copy it from the endpoint in Stripe; it is no key of the API.',
        },
      );
    }
    await changeSales(folder.path, (settings) => ({
      ...settings,
      stripe: [secret, ...settings.stripe.filter((one) => one !== secret)].slice(0, 2),
    }));
    const server = await reloadSales(terminal, folder.path);
    const set = {
      webhook: `${origin}${stripePaths.webhook}`,
      events: stripeEvents,
      thanks: `${origin}${stripePaths.thanks}?session_id={CHECKOUT_SESSION_ID}`,
      mode: folder.settings.mode,
    };
    if (terminal.json) {
      terminal.printJson({ ...set, server });
      return;
    }
    const { paint } = terminal;
    terminal.print(
      [
        `${paint.green('✓')} Stripe sells for ${folder.document.name}, in mode ${set.mode}.`,
        '',
        formatPairs(
          [
            ['Webhook', set.webhook],
            ['Events', set.events.join(', ')],
            ['After payment', set.thanks],
          ],
          paint,
        ),
        '',
        'Then say what is sold: impuls sales product card-1000 --units 1000 --amount 999 --currency eur',
      ].join('\n'),
    );
  },
});
