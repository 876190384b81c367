import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { impuls } from '../stage.mjs';
import { makeTideTable } from './tide-table.mjs';
import { formatCsv, hourlyHeights } from './tides.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const paywall = here('../../dist/web/paywall');

/**
 * Makes the whole site in `folder`/site: its free pages, and beside them, sealed, what is sold. What was sealed lies in
 * `folder`/originals.
 *
 * @param vendor where its keys are sold: the vendor's folder and its origin
 */
export async function buildSite(folder, vendor) {
  const site = join(folder, 'site');
  const originals = join(folder, 'originals');
  await mkdir(site, { recursive: true });
  await writeOriginals(originals);
  await writePages(site, vendor.origin);
  await cp(paywall, join(site, 'paywall'), { recursive: true });
  const prices = ['--price', '3', '--price-for', '*.pdf=5', '--price-for', '*.csv=25'];
  await impuls('pack', originals, ...prices, '--vendor', vendor.folder, '--out', join(site, 'paid'));
  return { site, originals };
}

async function writeOriginals(folder) {
  await cp(here('paid'), folder, { recursive: true });
  await writeFile(join(folder, 'tide-table.pdf'), makeTideTable());
  await writeFile(join(folder, 'year-of-tides.csv'), formatCsv(hourlyHeights(8760)));
}

/** The pages name the vendor: as the seller, and in their content security policy. */
async function writePages(folder, vendor) {
  const rows = hourlyHeights(4).map(({ hour, height }) => `<tr><td>${hour}</td><td>${height}</td></tr>`);
  for (const name of await readdir(here('site'))) {
    const text = await readFile(here(`site/${name}`), 'utf8');
    const filled = text.replaceAll('{{vendor}}', vendor).replace('{{rows}}', rows.join('\n          '));
    await writeFile(join(folder, name), filled);
  }
}
