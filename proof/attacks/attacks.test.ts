import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runAttack } from './attack.js';
import { clientAttacks } from './client-attacks.js';
import { openSite, type Site } from './site.js';
import { vendorAttacks } from './vendors.js';

/** Every attack of the library, once. */

let site: Site;
beforeAll(async () => {
  site = await openSite();
});
afterAll(() => site.close());

describe('of a dishonest client', () => {
  it.each(clientAttacks.map((attack) => [attack.name, attack] as const))('%s', async (_, attack) => {
    const { broken, tries } = await runAttack('client', attack, site, () => site.spent());
    expect(broken).toEqual([]);
    expect(tries).toBeGreaterThan(0);
    expect(site.errors.splice(0)).toEqual([]);
  });
});

describe('of a dishonest vendor', () => {
  it.each(vendorAttacks.map((attack) => [attack.name, attack] as const))('%s', async (_, attack) => {
    const { broken, tries } = await runAttack('vendor', attack, undefined);
    expect(broken).toEqual([]);
    expect(tries).toBeGreaterThan(0);
  });
});
