import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openSaleRecords } from '../../src/node/selling/sale-records.js';
import { makeSession, signEvent, type SignedEvent } from '../http/sales-fixture.js';
import { createSandbox, twoLines, type Sandbox, type Server } from './sandbox.js';

/** Selling through others, on the command line: set up, sold, redeemed, taken back; beside a server and without one. */

const secret = 'whsec_kept_in_a_file';
let box: Sandbox;
let loaded: string;
beforeAll(async () => {
  box = await createSandbox();
  await box.json('vendor', 'init', 'shop', '--origin', box.origin, '--denominations', '100');
  loaded = join(box.folder, 'loaded');
});
afterAll(() => box.remove());

const sign = (type: string, object: object): SignedEvent =>
  signEvent(type, object, { secret, signedAt: Math.floor(Date.now() / 1000) });

async function tell(type: string, object: object): Promise<number> {
  const { body, signature } = sign(type, object);
  const headers = { 'stripe-signature': signature };
  const response = await fetch(`${box.origin}/impuls/sales/stripe`, { method: 'POST', headers, body });
  await response.text();
  return response.status;
}

async function codeOf(session: string): Promise<string | undefined> {
  const response = await fetch(`${box.origin}/impuls/sales/thanks?session_id=${session}`);
  return /<code>([0-9A-Z-]+)<\/code>/.exec(await response.text())?.[1];
}

async function withServer<T>(work: (server: Server) => Promise<T>): Promise<T> {
  const server = await box.serve('shop');
  try {
    return await work(server);
  } finally {
    await server.stop();
  }
}

const trio = { metadata: { impuls: 'trio' }, amount_subtotal: 250 };

describe('a vendor that sells by hand', () => {
  it('loads neither the package of Stripe nor anything else of sales, and has no such pages', async () => {
    // Each module that the process loads is written down.
    const hook = join(box.folder, 'hook.mjs');
    await writeFile(
      hook,
      `import { appendFileSync } from 'node:fs';
       export async function load(url, context, next) { appendFileSync(${JSON.stringify(loaded)}, url + '\\n'); return next(url, context); }`,
    );
    const register = join(box.folder, 'register.mjs');
    await writeFile(
      register,
      `import { register } from 'node:module'; register(${JSON.stringify(`file://${hook}`)});`,
    );
    const server = await box.serveWith({ NODE_OPTIONS: `--import=file://${register}` }, 'shop');
    for (const path of ['stripe', 'thanks?session_id=cs_test_a00000000', 'orders/1']) {
      expect((await fetch(`${box.origin}/impuls/sales/${path}`)).status).toBe(404);
    }
    await server.stop();
    const modules = (await readFile(loaded, 'utf8')).split('\n');
    expect(modules.some((url) => url.endsWith('/cli/serving/sales-shelf.js'))).toBe(true);
    const others =
      /stripe|sales-desk|selling|sales\.js|payments|sale-records|shop-api|thanks-page|sales-file/;
    expect(modules.filter((url) => others.test(url))).toEqual([]);
    expect((await readdir(join(box.folder, 'shop'))).filter((name) => name.startsWith('sales'))).toEqual([]);
  });

  it('is told how to begin', async () => {
    expect(await box.json('sales', 'show', 'shop')).toMatchObject({
      mode: 'test',
      tokens: [],
      stripe: false,
    });
    const { code, stderr } = await box.run(['sales', 'order', 'order-1', 'shop']);
    expect(code).toBe(2);
    expect(twoLines(stderr)).toMatchObject({ what: 'no sales are set up here' });
  });
});

describe('sales', () => {
  it('are set up beside a running server, with secrets for nobody else', async () => {
    await withServer(async () => {
      const made = await box.json<{ token: string; orders: string; server: string }>(
        'sales',
        'token',
        'web',
        'shop',
      );
      expect(made).toMatchObject({ server: 'reloaded', orders: `${box.origin}/impuls/sales/orders/` });
      const put = await fetch(`${made.orders}order-1`, {
        method: 'PUT',
        headers: { authorization: `Bearer ${made.token}` },
        body: JSON.stringify({ items: [{ denomination: 100, count: 1 }] }),
      });
      expect(put.status).toBe(201);
      const { code } = (await put.json()) as { code: string };

      const stripe = await box.run(['sales', 'stripe', 'shop', '--json'], { input: `${secret}\n` });
      expect(JSON.parse(stripe.stdout)).toMatchObject({
        webhook: `${box.origin}/impuls/sales/stripe`,
        thanks: `${box.origin}/impuls/sales/thanks?session_id={CHECKOUT_SESSION_ID}`,
        mode: 'test',
        server: 'reloaded',
      });
      const product = ['--units', '100', '--cards', '3', '--amount', '250', '--currency', 'EUR'];
      await box.json('sales', 'product', 'trio', 'shop', ...product);

      const shown = await box.run(['sales', 'show', 'shop']);
      expect(JSON.parse(shown.stdout)).toMatchObject({
        tokens: ['web'],
        stripe: true,
        products: [{ name: 'trio', amount: 250, currency: 'eur' }],
      });
      const file = join(box.folder, 'shop', 'sales.json');
      expect((await stat(file)).mode & 0o777).toBe(0o600);
      const kept = await readFile(file, 'utf8');
      expect(kept).toContain(secret);
      for (const bearer of [made.token, code]) expect(kept).not.toContain(bearer);
      for (const text of [shown.stdout, stripe.stdout, stripe.stderr]) expect(text).not.toContain(secret);

      expect(await box.json('sales', 'order', 'order-1', 'shop')).toMatchObject({ state: 'active' });
      await box.json('sales', 'token', 'web', 'shop', '--remove');
      const refused = await fetch(`${made.orders}order-1`, {
        headers: { authorization: `Bearer ${made.token}` },
      });
      expect(refused.status).toBe(401);
    });
  });

  it('make a code of a payment, that a wallet redeems once', async () => {
    const session = makeSession(trio);
    await withServer(async () => {
      expect(await tell('checkout.session.completed', session)).toBe(200);
      const code = await codeOf(session.id);
      await box.json('redeem', box.origin, code!);
      expect(await codeOf(session.id)).toBeUndefined();
      expect(
        await tell('charge.refunded', { payment_intent: session['payment_intent'], refunded: true }),
      ).toBe(200);
    });
    const cards = await box.json<unknown[]>('cards');
    expect(cards).toHaveLength(3);
    expect(await box.json('sales', 'order', session.id, 'shop')).toMatchObject({ state: 'redeemed' });
  });

  it('stay what they are when the server is killed, and are told once more', async () => {
    const session = makeSession(trio);
    const server = await box.serve('shop');
    expect(await tell('checkout.session.completed', session)).toBe(200);
    const code = await codeOf(session.id);
    await server.kill();
    await withServer(async () => {
      expect(await codeOf(session.id)).toBe(code);
      // Under another secret it is the same sale still.
      expect(await box.json('sales', 'secret', 'shop')).toEqual({ secrets: 2, server: 'reloaded' });
      expect(await tell('checkout.session.completed', session)).toBe(200);
      expect(await codeOf(session.id)).toBe(code);
      const payment = session['payment_intent'];
      await tell('charge.dispute.created', { id: 'dp_1', payment_intent: payment, status: 'needs_response' });
      const { code: refused, stderr } = await box.run(['redeem', box.origin, code!]);
      expect(refused).toBe(1);
      expect(twoLines(stderr).what).toContain('No such order');
    });
    expect(await box.json('sales', 'order', session.id, 'shop')).toMatchObject({ state: 'held' });
    const payment = String(session['payment_intent']);
    expect(await box.json('sales', 'order', payment, 'shop', '--free')).toMatchObject({ state: 'active' });
    await withServer(async () => {
      // The same dispute, told again, holds nothing: the seller has decided.
      await tell('charge.dispute.created', { id: 'dp_1', payment_intent: payment, status: 'needs_response' });
      expect(await codeOf(session.id)).toBe(code);
      expect(await box.json('sales', 'order', session.id, 'shop', '--void')).toMatchObject({ state: 'void' });
      expect(await codeOf(session.id)).toBeUndefined();
    });
  });

  it('leave nothing of a buyer, a session, a payment or a code behind', async () => {
    const session = makeSession(trio);
    const code = await withServer(async () => {
      await tell('checkout.session.completed', session);
      return codeOf(session.id);
    });
    const folder = join(box.folder, 'shop');
    for (const name of await readdir(folder)) {
      if (!(await stat(join(folder, name))).isFile()) continue;
      const bytes = (await readFile(join(folder, name))).toString('latin1');
      for (const trace of [
        session.id,
        String(session['payment_intent']),
        code!,
        code!.replaceAll('-', ''),
        'buyer@',
      ]) {
        expect({ name, found: bytes.includes(trace) }).toEqual({ name, found: false });
      }
    }
  });

  it('are in a backup that is taken beside the server', async () => {
    const session = makeSession(trio);
    await withServer(async () => {
      await tell('checkout.session.completed', session);
      await box.json('vendor', 'backup', 'shop', '--out', 'kept');
    });
    const kept = join(box.folder, 'kept');
    const settings = await readFile(join(box.folder, 'shop', 'sales.json'), 'utf8');
    expect(await readFile(join(kept, 'sales.json'), 'utf8')).toBe(settings);
    const [there, here] = await Promise.all(
      [kept, join(box.folder, 'shop')].map(async (folder) => {
        const records = await openSaleRecords(join(folder, 'sales.db'));
        return records.list('', 100).finally(() => records.close());
      }),
    );
    expect(there!.length).toBeGreaterThan(0);
    expect(there).toEqual(here);
  });

  it.each<[string[], string, string]>([
    [['sales', 'stripe', 'shop'], 'sk_live_a_key_of_the_api', 'that is no signing secret'],
    [['sales', 'stripe', 'shop', '--secret-file', 'none'], '', 'there is no file none'],
    [['sales', 'token', 'Web Shop', 'shop'], '', 'is no name for it'],
    [['sales', 'token', 'none', 'shop', '--remove'], '', 'there is no token "none"'],
    [['sales', 'product', 'x', 'shop', '--units', '100'], '', 'is missing'],
    [
      ['sales', 'product', 'x', 'shop', '--units', '7', '--amount', '1', '--currency', 'eur'],
      '',
      'no cards of 7',
    ],
    [['sales', 'product', 'none', 'shop', '--remove'], '', 'there is no product'],
    [['sales', 'order', 'order-1', 'shop', '--void', '--free'], '', 'one of --hold'],
    [['sales', 'order', 'cs_test_none00000', 'shop'], '', 'there is no sale'],
  ])('are not set up by %j', async (args, input, what) => {
    const before = await readFile(join(box.folder, 'shop', 'sales.json'), 'utf8');
    const { code, stderr } = await box.run(args, { input });
    expect(code).toBe(2);
    expect(twoLines(stderr).what).toContain(what);
    expect(stderr).not.toContain('sk_live');
    expect(await readFile(join(box.folder, 'shop', 'sales.json'), 'utf8')).toBe(before);
  });
});
