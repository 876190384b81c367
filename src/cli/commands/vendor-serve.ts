import { contentPath } from '../../core/content-key.js';
import { worthOf } from '../../core/key-document.js';
import { openVendorFolder } from '../../node/vendor/folder.js';
import { defineCommand } from '../command.js';
import { serveUntilStopped, servingOptions } from '../serving/running.js';
import { serveStatic } from '../serving/static-files.js';
import { formatTable } from '../table.js';

export const vendorServe = defineCommand({
  name: 'vendor serve',
  summary: 'Sell cards and serve what they pay for',
  usage: '[folder] [options]',
  options: servingOptions,
  words: [0, 1],
  notes:
    'It speaks plain http, so it listens on this machine only. For the world put a server that speaks TLS before\nit, and say its https address as --origin when you make the vendor. Stop it with Ctrl+C or SIGTERM: what has\nbegun is answered first.\n\nWrong vouchers are counted by caller. Behind a proxy all callers look the same, and ten wrong codes of one stop\neverybody for a while: name the header that your proxy sets itself with --client-header.',
  async run({ terminal, values, positionals }) {
    const folder = await openVendorFolder(positionals[0] ?? '.');
    const { unit } = folder.document;
    await serveUntilStopped(terminal, values, folder, {
      routes: folder.settings.routes.map((route) => serveStatic(folder.path, route)),
      table: ({ paint }, keys) =>
        formatTable(
          [
            { head: 'Path' },
            { head: 'Units', align: 'right' },
            { head: 'Worth', align: 'right' },
            { head: 'Folder' },
          ],
          [
            ...folder.settings.routes.map((route) => [
              route.path,
              route.price === 0 ? 'free' : String(route.price),
              route.price === 0 ? '' : worthOf(route.price, unit),
              route.folder,
            ]),
            ...(keys > 0
              ? [[`${contentPath}*`, 'as packed', '', `content.db, ${keys} ${keys === 1 ? 'key' : 'keys'}`]]
              : []),
          ],
          paint,
        ),
    });
    return 0;
  },
});
