/**
 * A cinema on this machine: `npm run cinema -- [options]`.
 *
 *   --no-open             do not open a browser
 *   --json                write JSON lines
 *   --seconds <count>     of the film, 10 to 120; default 40
 *   --units <10|100>      on the card in the link; default 10, which is not enough for the whole film
 *   --port <port>         of the host of the film; default 4041, 0 for any that is free
 *   --vendor-port <port>  of the vendor and its player; default 4040, 0 for any that is free
 *
 * Everything is made in a folder of its own, which Ctrl+C removes.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { chooseOrigin, runExample } from '../stage.mjs';
import { makeFilm } from './film.mjs';

const options = {
  seconds: { type: 'string', default: '40' },
  units: { type: 'string', default: '10' },
  port: { type: 'string', default: '4041' },
  'vendor-port': { type: 'string', default: '4040' },
};

await runExample('cinema', options, async ({ folder, values, say, impuls, startVendor, startHost }) => {
  const seconds = Number(values.seconds);
  if (!Number.isInteger(seconds) || seconds < 10 || seconds > 120) {
    throw new Error(`--seconds is a whole number from 10 to 120, not ${values.seconds}`);
  }
  say(`Making a film of ${seconds} s with ffmpeg…`);
  const [clear, cdn, shop] = ['clear', 'cdn', 'shop'].map((name) => join(folder, name));
  await makeFilm(clear, seconds);

  const vendor = await chooseOrigin(values['vendor-port']);
  const cards = ['--name', 'Impuls Cinema', '--denominations', '10,100'];
  await impuls('vendor', 'init', shop, '--origin', vendor, ...cards);
  const sale = ['--price', '1', '--title', 'Test film', '--vendor', shop];
  const film = await impuls('pack', '--hls', clear, ...sale, '--out', join(cdn, 'film'));
  await rm(clear, { recursive: true });

  await startVendor(shop);
  const host = await startHost(cdn, Number(values.port));
  const createVoucher = async (units) => (await impuls('voucher', 'create', shop, '--units', units)).codes[0];
  const voucher = await createVoucher(values.units);
  const topUp = await createVoucher('100');
  const playlist = `${host}/film/${film.root}`;
  const link = `${vendor}/impuls/player/#${new URLSearchParams({ film: playlist, code: voucher })}`;
  const { keys, units } = film;
  return {
    link,
    event: { film: playlist, vendor, voucher, topUp, keys, units },
    text: `
The film    ${playlist}
            ${keys} keys of 1 unit; the files in ${cdn} are ciphertext
The vendor  ${vendor}, sells the keys and serves the player
A voucher   ${voucher}, ${values.units} units, is in the link
To top up   ${topUp}, 100 units, when the card is empty

Open the player, redeem the voucher, press Play:

  ${link}

Stop it with Ctrl+C.`,
  };
});
