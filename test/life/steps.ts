import { expect } from 'vitest';
import { isImpulsError, type ErrorCode } from '../../src/core/errors.js';
import { issuingKeys } from '../../src/core/key-life.js';
import { changeCodes } from '../../src/server/batches.js';
import type { PaperCall, PaperOrder } from './paper.js';
import type { Person } from './person.js';
import { Killed } from '../support/mortal.js';
import type { Town } from './town.js';
import { day, origin, prices } from './vendor-life.js';

/** What happens in a town, one thing at a time. */

export interface Step {
  readonly what: keyof typeof steps;
  /** Which of those that there are; any number. */
  readonly which: number;
  readonly other: number;
  /** 0: calm. Otherwise the seed of what goes wrong. */
  readonly trouble: number;
}

type Run = (town: Town, step: Step) => Promise<void>;

const pick = <T>(values: readonly T[], number: number): T | undefined => values[number % values.length];
const personOf = (town: Town, { which }: Step): Person => pick(town.people, which)!;

const sell: Run = async ({ vendor, paper }, { which, other }) => {
  const denomination = pick([20, 100], which)!;
  if (!isIssued({ vendor }, denomination)) return;
  const count = 1 + (other % 2);
  const [code] = await vendor.vendor.createVouchers([{ denomination, count }], 1);
  paper.orders.push({
    id: vendor.idOf(code!),
    code: code!,
    denomination,
    count,
    state: 'active',
    sold: true,
    held: false,
    isolated: false,
    served: false,
    unsure: false,
  });
};

const print: Run = async ({ vendor, paper }, { which, other }) => {
  const denomination = pick([20, 100], which)!;
  if (!isIssued({ vendor }, denomination)) return;
  const expires = vendor.seconds + (1 + (other % 50)) * day;
  const terms = { label: '', items: [{ denomination, count: 1 }], created: vendor.seconds, expires };
  for await (const { batch, first, codes } of vendor.vendor.printBatch(terms, 4)) {
    for (const [i, code] of codes.entries()) {
      paper.orders.push({
        id: vendor.idOf(code),
        code,
        denomination,
        count: 1,
        place: { batch, serial: first + i, expires },
        state: 'printed',
        sold: false,
        held: false,
        isolated: false,
        served: false,
        unsure: false,
      });
    }
  }
};

/** Some codes of a batch, sold at a till or lost on the way to it. */
const change =
  (state: 'active' | 'void'): Run =>
  async ({ vendor, paper }, { which, other }) => {
    const printed = paper.orders.filter(({ place }) => place);
    const place = pick(printed, which)?.place;
    if (!place) return;
    const [from, to] = [place.serial, Math.min(4, place.serial + (other % 3))];
    const ledger = vendor.ledger;
    const due = printed.filter(
      (order) =>
        order.place!.batch === place.batch &&
        order.place!.serial >= from &&
        order.place!.serial <= to &&
        !order.served &&
        order.state !== 'void' &&
        order.state !== state,
    );
    const changed = await changeCodes(ledger, place.batch, from, to, state, vendor.seconds);
    expect(changed, 'codes that change').toBe(due.length);
    for (const order of due) {
      order.state = state;
      if (state === 'active') order.sold = true;
    }
  };

/** What a shop says of its orders: paid back, disputed, settled. */
const dispute =
  (state: 'held' | 'free' | 'void'): Run =>
  async ({ vendor, paper }, { which }) => {
    const order = pick(paper.orders, which);
    if (!order || order.isolated) return;
    const is = (one: PaperOrder): boolean =>
      !one.served && one.state !== 'void' && (state === 'void' || (state === 'held' ? !one.held : one.held));
    const changed = await vendor.ledger.changeOrders([order.id], state, vendor.seconds);
    expect(changed, `orders that are ${state}`).toBe(is(order) ? 1 : 0);
    if (!is(order)) return;
    if (state === 'void') order.state = 'void';
    else order.held = state === 'held';
  };

const redeem: Run = async (town, step) => {
  const { paper, vendor } = town;
  const fresh = paper.orders.filter(({ served }) => !served);
  // Now and then one that was redeemed before.
  const order = pick(step.other % 5 === 0 ? paper.orders : fresh, step.other);
  if (!order) return;
  const person = personOf(town, step);
  const kind = pick(
    [{ protocol: 'chain' }, { protocol: 'stream' }, { protocol: 'stream', generator: 'hmac-drbg' }] as const,
    step.other,
  )!;
  const isGood =
    order.state === 'active' &&
    !order.held &&
    !order.isolated &&
    vendor.seconds < (order.place?.expires ?? Infinity) &&
    isIssued(town, order.denomination);
  const before = order.served;
  if (isGood && step.trouble !== 0) order.unsure = true;
  const ended = await attempt(town, person, step, () => person.wallet.redeem(origin, order.code, kind));
  if (step.trouble !== 0) return;
  if (before) {
    // Whose reply was lost gets the same cards again; anybody else none.
    expect(['done', 'order-served']).toContain(ended);
  } else if (isGood) {
    expect(ended, 'a code that is good').toBe('done');
    order.served = true;
  } else expect(ended, 'a code that is not good').not.toBe('done');
};

const pay: Run = async (town, step) => {
  const { paper } = town;
  const person = personOf(town, step);
  const route = pick(Object.keys(prices), step.other)!;
  const price = prices[route]!;
  const used = 1 + (step.other % price);
  const fails = route === '/moody' && step.other % 3 === 0;
  const name = `?call=${town.calls++}${route === '/metered' ? `&use=${used}` : ''}${fails ? '&fails=yes' : ''}`;
  const due = fails ? 0 : route === '/metered' ? used : price;
  const call: PaperCall = {
    route,
    at: town.vendor.seconds,
    charges: [...new Set([0, due, price])],
    claims: new Map(),
  };
  paper.calls.set(name, call);
  let charged: number | undefined;
  const ended = await attempt(town, person, step, async () => {
    const response = await person.pay(`${origin}${route}${name}`, {
      method: route === '/order' || route === '/metered' ? 'POST' : 'GET',
    });
    await response.text();
    const [payment] = person.wallet.history();
    charged = payment?.url.endsWith(name) ? payment.units : 0;
    tell(call, charged, payment?.protocol);
  });
  if (step.trouble !== 0) return;
  if (ended === 'done') expect(charged, `charged for ${route}${name}`).toBe(due);
  else {
    expect(['no-card', 'payment-refused', 'card-expired', 'vendor-restored']).toContain(ended);
    call.charges = [0];
  }
  if (ended === 'done') expect(town.vendor.runs.get(name), 'its handler ran').toBe(1);
};

const leftOf = ({ wallet }: Person): number => wallet.cards().reduce((sum, { left }) => sum + left, 0);

const exchange: Run = async (town, step) => {
  const person = personOf(town, step);
  if (step.trouble === 0) await finish(town, person);
  const before = leftOf(person);
  const wish = pick([{}, { protocol: 'chain' }, { into: [20] }] as const, step.other)!;
  const ended = await attempt(town, person, step, () =>
    person.wallet.exchange(origin, { ...wish, delay: 'none' }),
  );
  if (step.trouble !== 0) return;
  expect(['done', 'no-card', 'unsettled', 'key-retired', 'order-unknown', 'vendor-restored']).toContain(
    ended,
  );
  if (ended === 'done') expect(leftOf(person), 'units before and after an exchange').toBe(before);
};

const refund: Run = async (town, step) => {
  const person = personOf(town, step);
  const card = pick(person.wallet.cards(), step.other);
  if (!card) return;
  await attempt(town, person, step, () => person.wallet.refund(origin, { cards: [card.id] }));
};

const payOut: Run = async ({ vendor, paper }, { which }) => {
  const due = pick(await vendor.ledger.readRefunds(), which);
  if (!due) return;
  const paid = await vendor.ledger.payRefund(due.order, vendor.seconds);
  expect(paid).toBe(due.held ? 'unknown' : due.paid === undefined ? 'paid' : 'repeated');
  if (paid === 'paid') paper.paidOut += due.units;
};

const recover: Run = async (town, step) => {
  const person = personOf(town, step);
  await attempt(town, person, step, () => finish(town, person));
};

/** @returns whether nothing is open any more */
async function finish({ paper, vendor }: Town, { wallet }: Person): Promise<boolean> {
  const { claims, unfinished, waiting } = await wallet.recover();
  for (const { url, result, charged } of claims) {
    const payment = wallet.history().find((one) => one.url === url);
    const call = paper.calls.get(new URL(url).search);
    if (!call) continue;
    // The vendor has forgotten claims that are older, and says that they have expired.
    const isForgotten = vendor.seconds - call.at > 40 * day;
    if (result !== 'unknown' && !isForgotten) tell(call, charged, payment?.protocol);
  }
  return [unfinished, waiting, claims.filter(({ result }) => result === 'unknown')].every(
    ({ length }) => length === 0,
  );
}

/**
 * Somebody is told what was charged. Where the receipt is lost and `stream` returned a part, a wallet only knows that it was no more
 * than it claimed.
 */
function tell(call: PaperCall, charged: number, protocol: 'chain' | 'stream' | undefined): void {
  call.charges = protocol === 'stream' ? call.charges.filter((units) => units <= charged) : [charged];
}

const reopen: Run = async (town, step) => {
  const person = personOf(town, step);
  await person.wallet.close();
  await person.open();
};

const move: Run = async (town, step) => personOf(town, step).move();

const restart: Run = async ({ vendor }, { which }) => vendor.restart(which % 2 === 0 ? 'stopped' : 'killed');

const backup: Run = async (town) => {
  for (const person of town.people) if (!(await finish(town, person))) return;
  await town.check(true);
  const [vendor, paper] = [town.vendor.backup(), town.paper.copy()];
  const cheat = town.people[0]!.copy();
  if (!vendor) return;
  town.restore = async () => {
    town.restore = undefined;
    await vendor();
    paper();
    const { ledger } = town.vendor;
    await town.paper.freeze(ledger, await ledger.quarantined());
    await cheat();
  };
};

const restore: Run = async (town) => town.restore?.();

const wait: Run = async ({ vendor }, { which, other }) => {
  const seconds = pick([60, 3600, day, 10 * day], which)!;
  vendor.seconds += seconds * (1 + (other % 5));
  await vendor.ledger.purge(vendor.seconds - day, vendor.seconds - 40 * day);
};

const rotate: Run = async ({ vendor }) => void vendor.rotate();

export const steps = {
  sell,
  print,
  activate: change('active'),
  withdraw: change('void'),
  hold: dispute('held'),
  free: dispute('free'),
  void: dispute('void'),
  redeem,
  pay,
  exchange,
  refund,
  payOut,
  recover,
  reopen,
  move,
  restart,
  backup,
  restore,
  wait,
  rotate,
} satisfies Record<string, Run>;

/** Calm, and everybody recovers: nothing is open any more, and wallets and vendor agree on each card that is not held. */
export async function rest(town: Town): Promise<void> {
  const { ledger, keyOf } = town.vendor;
  const quarantined = await ledger.quarantined();
  for (const person of town.people) {
    await finish(town, person);
    const cards = person.wallet
      .cards()
      .filter(({ units, expires }) => !quarantined.includes(keyOf(units, expires)));
    for (const { id, status } of cards) {
      const { left, reserved, units } =
        status === 'ready'
          ? person.wallet.cards().find((card) => card.id === id)!
          : await person.wallet.refresh(id);
      const card = await ledger.readCard(id);
      expect({ left, reserved }, 'a card at rest').toEqual({
        left: units - (card?.state.spent ?? 0),
        reserved: 0,
      });
    }
  }
}

function isIssued({ vendor }: Pick<Town, 'vendor'>, denomination: number): boolean {
  return issuingKeys(vendor.document, vendor.seconds).some((key) => key.denomination === denomination);
}

/** @returns `done`, or the code of the error */
async function attempt(
  town: Town,
  person: Person,
  { trouble }: Step,
  work: () => Promise<unknown>,
): Promise<'done' | 'killed' | ErrorCode> {
  town.stir(person, trouble);
  const ended = await outcome(work);
  await town.settle();
  return ended;
}

async function outcome(work: () => Promise<unknown>): Promise<'done' | 'killed' | ErrorCode> {
  try {
    await work();
    return 'done';
  } catch (error) {
    if (isImpulsError(error)) return error.code;
    if (error instanceof Killed || isKilled(error)) return 'killed';
    // Like `fetch` itself, where nothing was claimed.
    if (error instanceof TypeError && error.message === 'fetch failed') return 'network';
    throw error;
  }
}

function isKilled(error: unknown): boolean {
  return error instanceof Error && error.cause instanceof Killed;
}
