import { worthOf } from '../../core/key-document.js';
import { parseReceipt } from '../../core/wire/receipt-header.js';
import { formatUnits } from '../amounts.js';
import { spendAgain } from './cheat.js';
import { articleAt, cardUnits, routes, unit } from './shop.js';
import { buyArticle, protocolNames, vendorKeyOf, type Stage } from './stage.js';

/** The first parts of the demo, in order. */

/** Bytes before the ciphertext of a sealed body (RFC 8188 §2.1). */
const sealedHead = 21;

export async function buyCards({ teller, wallet, vendor, origin }: Stage): Promise<void> {
  teller.part('buy', 'Two cards are bought, blind');
  const codes = await vendor.createVouchers([{ denomination: cardUnits, count: 1 }], 2);
  const worth = worthOf(cardUnits, unit);
  teller.check(
    'vouchers',
    codes.length === 2,
    `The vendor gives out 2 vouchers, each for a card of ${cardUnits} units (${worth}).`,
  );
  for (const [i, protocol] of protocolNames.entries()) {
    const [card] = await wallet.redeem(origin, codes[i]!, { protocol });
    const how = protocol === 'chain' ? 'a chain of hashes' : 'a random bit generator';
    const sentence = `The wallet turns one into a card that pays by ${how} (protocol ${protocol}).`;
    teller.check(`card-${protocol}`, card?.units === cardUnits, sentence, { units: card?.units });
  }
  const { cards, ordersServed } = await vendor.totals();
  teller.check(
    'blind',
    cards === 0 && ordersServed === 2,
    `The vendor signed both without seeing them: it has sold ${ordersServed} and knows ${cards} of them.`,
    { sold: ordersServed, known: cards },
  );
}

export async function payWithEach(stage: Stage): Promise<void> {
  const { teller } = stage;
  teller.part('pay', 'Each card pays for a real HTTP request');
  for (const protocol of protocolNames) {
    const url = `${stage.origin}/articles/${protocol === 'chain' ? 'rain' : 'salt'}`;
    const { text, payment } = await buyArticle(stage, url, protocol);
    const right = text === articleAt(new URL(url).pathname) && payment?.units === routes.articles.units;
    teller.check(
      `${protocol}-paid`,
      right,
      `${protocol}: paid ${formatUnits(payment?.units ?? 0)} for ${new URL(url).pathname}.`,
    );
    const theirs = await vendorKeyOf(stage, url);
    teller.check(
      `${protocol}-key`,
      theirs !== undefined && theirs === payment?.fingerprint,
      'The payment left both sides the same fresh key. Its fingerprint:',
      { wallet: payment?.fingerprint, vendor: theirs },
    );
    teller.detail(`wallet ${payment?.fingerprint}    vendor ${theirs}`);
  }
}

export async function openSealed(stage: Stage): Promise<void> {
  const { teller, tap, origin } = stage;
  teller.part('seal', 'A sealed answer, opened with the key of the payment');
  const url = `${origin}/articles/letter`;
  const { text, payment } = await buyArticle(stage, url, 'chain', 'prefer');
  const wire = Buffer.from((await tap.exchange(url)?.bytes) ?? []);
  const plain = articleAt('/articles/letter')!;
  const readable = wire.includes(plain.slice(0, 12));
  teller.check(
    'ciphertext',
    wire.length > plain.length && !readable,
    `On the wire it was ${wire.length} bytes that nobody can read:`,
    {
      wireBytes: wire.length,
    },
  );
  teller.detail(
    `${wire
      .subarray(sealedHead, sealedHead + 24)
      .toString('hex')
      .replace(/../g, '$& ')}…`,
  );
  teller.check('opened', text === plain, `Opened with the key ${payment?.fingerprint}: "${text.trim()}"`);
}

export async function cheat(stage: Stage): Promise<void> {
  const { teller, tap, origin, wallet, vendor } = stage;
  teller.part('cheat', 'Cheating does not work');
  const url = `${origin}/articles/rain`;
  const { authorization } = tap.exchange(url)!;
  const before = (await vendor.totals()).spent;
  const again = await fetch(url, { headers: { Authorization: authorization } });
  const same = (await again.text()) === articleAt('/articles/rain');
  const receipt = again.headers.get('Payment-Receipt');
  const verdict = receipt === null ? undefined : parseReceipt(receipt).verdict;
  const charged = (await vendor.totals()).spent - before;
  teller.check(
    'replay',
    same && verdict === 'repeated' && charged === 0,
    `The same claim, sent again byte for byte: the same answer, ${charged} units charged.`,
    { verdict, charged },
  );
  const backup = await wallet.backup();
  for (const protocol of protocolNames) {
    const paid = tap.exchange(`${origin}/articles/${protocol === 'chain' ? 'rain' : 'salt'}`)!;
    const refusal = await spendAgain(
      backup,
      cardUnits,
      paid.authorization,
      new URL(`${origin}/articles/free`),
    );
    const more = (await vendor.totals()).spent - before;
    teller.check(
      `${protocol}-twice`,
      refusal.status === 409 && refusal.verdict === 'conflict' && refusal.namesHolder && more === 0,
      `The same units of the ${protocol} card for another article: refused (${refusal.status} ${refusal.verdict}), ${more} charged.`,
      { status: refusal.status, verdict: refusal.verdict, charged: more },
    );
  }
}
