/**
 * A static site that sells articles, on this machine: `npm run articles -- [options]`.
 *
 *   --no-open             do not open a browser
 *   --json                write JSON lines
 *   --port <port>         of the site; default 4031, 0 for any that is free
 *   --vendor-port <port>  of the vendor; default 4030, 0 for any that is free
 *
 * Everything is made in a folder of its own, which Ctrl+C removes.
 */
import { join } from 'node:path';
import { chooseOrigin, runExample } from '../stage.mjs';
import { buildSite } from './site.mjs';

const options = {
  port: { type: 'string', default: '4031' },
  'vendor-port': { type: 'string', default: '4030' },
};

await runExample('articles', options, async ({ folder, values, say, impuls, startVendor, startHost }) => {
  say('Making a vendor and a site…');
  const vendor = { folder: join(folder, 'shop'), origin: await chooseOrigin(values['vendor-port']) };
  const words = ['--origin', vendor.origin, '--name', 'The Tidewater Courier', '--denominations', '100'];
  await impuls('vendor', 'init', vendor.folder, ...words);
  const { site } = await buildSite(folder, vendor);
  await startVendor(vendor.folder);
  const origin = await startHost(site, Number(values.port));
  const { codes } = await impuls('voucher', 'create', vendor.folder, '--units', '100');
  const [voucher] = codes;
  const link = `${origin}/#${voucher}`;
  return {
    link,
    event: { site: origin, vendor: vendor.origin, voucher },
    text: `
The site    ${origin}
            its files, in ${site}, are pages and ciphertext
The vendor  ${vendor.origin}, sells the keys
A voucher   ${voucher}, 100 units, is in the link

Open it, choose an article, press "Read":

  ${link}

Stop it with Ctrl+C.`,
  };
});
