import { afterEach, beforeAll, afterAll, describe, expect, it } from 'vitest';
import { makeSession, startShop, tell, type Shop } from '../http/sales-fixture.js';
import { findBarriers, looks, openProfile, shoot, type Profile } from './support.js';

/** Where a buyer comes back to after paying, in a real Chromium. */

let shop: Shop;
beforeAll(async () => {
  shop = await startShop();
});
afterAll(() => shop.close());

let profile: Profile;
afterEach(() => profile.remove());

const addressOf = (session: string): string => `${shop.origin}/impuls/sales/thanks?session_id=${session}`;

describe('the page after paying', () => {
  it('shows the code by itself, once the payment is told of', async () => {
    profile = await openProfile();
    const session = makeSession();
    const page = await profile.open(addressOf(session.id));
    expect(await page.getByRole('status').textContent()).toContain('as soon as');
    await tell(shop, 'checkout.session.completed', session);
    const code = (await page.locator('code').textContent())!;
    expect(code).toMatch(/^[0-9A-Z]{5}(?:-[0-9A-Z]{5}){3}$/);
    const link = await page.getByRole('link', { name: 'Put it into my wallet' }).getAttribute('href');
    expect(link).toBe(`${shop.origin}/impuls/wallet/#${code.replaceAll('-', '')}`);
    expect(profile.complaints).toEqual([]);
  });

  for (const { size, viewport, colorScheme } of looks) {
    it(`has no barrier that axe-core finds and is no wider than the screen: ${size}, ${colorScheme}`, async () => {
      profile = await openProfile({ viewport, colorScheme });
      const [paid, held, waiting] = [makeSession(), makeSession(), makeSession()];
      await tell(shop, 'checkout.session.completed', paid);
      await tell(shop, 'checkout.session.completed', held);
      const dispute = { id: `dp_${held.id}`, payment_intent: held['payment_intent'] };
      await tell(shop, 'charge.dispute.created', dispute);
      const addresses = {
        paid: addressOf(paid.id),
        held: addressOf(held.id),
        late: `${addressOf(waiting.id)}&asked=99`,
        wrong: addressOf('cs_test_'),
      };
      for (const [name, address] of Object.entries(addresses)) {
        const page = await profile.open(address);
        expect(await findBarriers(page)).toEqual([]);
        const width = await page.evaluate(() => document.documentElement.scrollWidth);
        expect(width).toBeLessThanOrEqual(viewport.width);
        await shoot(page, `thanks-${name}-${size}-${colorScheme}`);
        await page.close();
      }
      expect(profile.complaints.filter((text) => !text.includes('status of 404'))).toEqual([]);
    });
  }
});
