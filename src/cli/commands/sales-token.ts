import { ImpulsError } from '../../core/errors.js';
import { toBase64url } from '../../core/base64url.js';
import { changeSales } from '../../node/selling/sales-file.js';
import { openVendorFolder, platformRandom } from '../../node/vendor/folder.js';
import { hashToken, ordersPath } from '../../server/selling/shop-api.js';
import { defineCommand } from '../command.js';
import { reloadSales, checkName } from '../serving/sales-setup.js';

export const salesToken = defineCommand({
  name: 'sales token',
  summary: 'Let a shop of yours make orders over HTTP, or stop it',
  usage: '<name> [folder] [options]',
  options: {
    remove: { type: 'boolean', help: 'The token of that name is good no longer' },
  },
  words: [1, 2],
  notes:
    'Prints the token, this once: the vendor keeps a hash of it. With it the shop makes orders, each once by its own\nreference, and is given their codes. Works beside a running `vendor serve`.',
  examples: ['impuls sales token webshop shop > webshop.token', 'impuls sales token webshop shop --remove'],
  async run({ terminal, values, positionals }) {
    const name = checkName(positionals[0]!);
    const folder = await openVendorFolder(positionals[1] ?? '.');
    const token = `impuls_${toBase64url(platformRandom(32))}`;
    await changeSales(folder.path, (settings) => {
      const others = settings.tokens.filter((one) => one.name !== name);
      const isThere = others.length < settings.tokens.length;
      if (values.remove && isThere) return { ...settings, tokens: others };
      if (!values.remove && !isThere) {
        return { ...settings, tokens: [...others, { name, hash: hashToken(token) }] };
      }
      throw new ImpulsError(
        'invalid-argument',
        `${values.remove ? 'there is no' : 'there is a'} token "${name}"${values.remove ? '' : ' already'}`,
        { hint: values.remove ? 'See `impuls sales show`.' : 'Remove it first, or say another name.' },
      );
    });
    const server = await reloadSales(terminal, folder.path);
    if (values.remove) {
      if (terminal.json) terminal.printJson({ token: name, removed: true, server });
      else terminal.print(`${terminal.paint.green('✓')} The token "${name}" is good no longer.`);
      return;
    }
    if (terminal.json) {
      terminal.printJson({ name, token, orders: `${folder.document.origin}${ordersPath}`, server });
      return;
    }
    terminal.print(token);
    terminal.note(
      `\nIt is shown this once, and whoever has it can make codes. The shop sends it with each order:\n` +
        `PUT ${folder.document.origin}${ordersPath}<reference>, Authorization: Bearer <token>`,
    );
  },
});
