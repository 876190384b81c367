import { at, cardsOf, makeOrder } from './cards.js';
import type { LedgerHarness } from './ledger-cases.js';
import { checkSame, type SuiteCase } from './suite.js';

const signatures = [new Uint8Array(384).fill(1), new Uint8Array(384).fill(2)];
const others = [new Uint8Array(384).fill(3)];

/** Orders, each served once. */
export const orderCases: readonly SuiteCase<LedgerHarness>[] = [
  {
    name: 'an order that is not there is unknown',
    async run({ open }) {
      const ledger = await open();
      checkSame(await ledger.readOrder('none'), undefined, 'nothing');
      checkSame(
        await ledger.serveOrder('none', 'digest', signatures, [], at),
        { status: 'unknown' },
        'unknown',
      );
      await ledger.close();
    },
  },
  {
    name: 'an order that is there already is left as it is',
    async run({ open }) {
      const ledger = await open();
      const order = makeOrder();
      await ledger.createOrders([order, makeOrder(), order], at);
      await ledger.serveOrder(order.id, 'digest', signatures, cardsOf(order), at);
      await Promise.all([
        ledger.createOrders([{ id: order.id, items: [] }], at),
        ledger.createOrders([order], at),
      ]);
      const served = { ...order, state: 'active', served: { digest: 'digest', signatures } };
      checkSame(await ledger.readOrder(order.id), served, 'as it was');
      const { orders, ordersServed } = await ledger.totals();
      checkSame([orders, ordersServed], [2, 1], 'two orders, one served');
      await ledger.close();
    },
  },
  {
    name: 'serving an order again returns the first signatures for the same digest and nothing for another',
    async run({ open, reopen }) {
      let ledger = await open();
      const order = makeOrder();
      await ledger.createOrders([order], at);
      checkSame(await ledger.readOrder(order.id), { ...order, state: 'active' }, 'not served yet');
      const first = await ledger.serveOrder(order.id, 'one', signatures, cardsOf(order), at);
      checkSame(first, { status: 'served', signatures }, 'served');
      for (let round = 0; round < 2; round++) {
        const again = await ledger.serveOrder(order.id, 'one', others, cardsOf(order), at);
        checkSame(again, { status: 'repeated', signatures }, 'the first signatures');
        checkSame(
          await ledger.serveOrder(order.id, 'two', others, cardsOf(order), at),
          { status: 'different' },
          'nothing else',
        );
        ledger = await reopen(ledger);
      }
      await ledger.close();
    },
  },
  {
    name: 'of 50 that serve an order at once with two digests, one digest wins',
    async run({ open }) {
      const ledger = await open();
      const order = makeOrder();
      await ledger.createOrders([order], at);
      const results = await Promise.all(
        Array.from({ length: 50 }, (_, i) =>
          ledger.serveOrder(order.id, i % 2 ? 'one' : 'two', i % 2 ? signatures : others, cardsOf(order), at),
        ),
      );
      const count = (status: string) => results.filter((served) => served.status === status).length;
      checkSame([count('served'), count('repeated'), count('different')], [1, 24, 25], 'one is served');
      const { digest } = (await ledger.readOrder(order.id))!.served!;
      const expected = digest === 'one' ? signatures : others;
      for (const served of results) {
        if ('signatures' in served) checkSame(served.signatures, expected, 'the same signatures to all');
      }
      checkSame((await ledger.totals()).ordersServed, 1, 'served once');
      await ledger.close();
    },
  },
];
