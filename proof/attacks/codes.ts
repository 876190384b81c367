import { randomBytes } from 'node:crypto';
import { toBase64url } from '../../src/core/base64url.js';
import { createVoucherCode } from '../../src/core/voucher-code.js';
import { activationOf, claimOf, sealJson, stateRequestOf, type HandCard } from '../../test/support/card.js';
import type { Attack } from './attack.js';
import { denomination, sourceHeader, type Site } from './site.js';

/** Attacks at the vendor's own endpoints: on vouchers, on what is given back, on activation, and on the work that they cost. */

type CodeAttack = Attack<Site>;

const random = (length: number): Uint8Array => randomBytes(length);

function blindedItem(site: Site): { blinded: string; key: string } {
  const blinded = randomBytes(384);
  blinded[0] = 1;
  return { blinded: toBase64url(blinded), key: site.vendors[0].document.cards[0]!.id };
}

const issueOf = async (site: Site, code: string, items = [blindedItem(site)]): Promise<object> =>
  sealJson(site.vendors[0].document, 'issue', { items, order: code });

function postFrom(
  site: Site,
  source: string,
  path: string,
  body: unknown,
  door: 0 | 1 = 0,
): Promise<Response> {
  const headers = { [sourceHeader]: source };
  return site.send(path, { method: 'POST', headers, body: JSON.stringify(body), door });
}

/** He has many codes that are worth nothing, of every kind, and compares what he hears. */
const wrongCodes: CodeAttack = {
  name: 'codes that are worth nothing',
  outcome: 'the same answer to unknown, printed, void, held and malformed ones',
  async run(site, check) {
    const [vendor] = site.vendors;
    const terms = { label: '', items: [{ denomination, count: 1 }], created: 0, expires: 4e9 };
    const codes: Record<string, string> = { unknown: createVoucherCode(random), malformed: 'nothing at all' };
    for await (const { codes: printed, batch } of vendor.printBatch(terms, 3)) {
      codes['printed'] = printed[0]!;
      codes['void'] = printed[1]!;
      await site.ledger.changeCodes(batch, 2, 2, 'void', 0);
    }
    const answers = new Set<string>();
    for (const [kind, code] of Object.entries(codes)) {
      for (const [path, label, content] of [
        ['/impuls/order', 'order', { order: code }],
        ['/impuls/issue', 'issue', { order: code, items: [blindedItem(site)] }],
      ] as const) {
        const body = await sealJson(vendor.document, label, content);
        const response = await postFrom(site, `wrong ${kind}`, path, body);
        answers.add(`${response.status} ${await response.text()}`);
      }
    }
    check(answers.size === 1, `there were ${answers.size} answers: ${[...answers].join(' | ')}`);
    return { tries: Object.keys(codes).length * 2, charged: 0 };
  },
};

/** He has one code, and orders different cards for it at both servers at once. */
const orderRace: CodeAttack = {
  name: 'one code redeemed at two servers for different cards',
  outcome: 'one wins, and gets the same signatures again',
  async run(site, check) {
    const code = await site.voucher();
    const orders = await Promise.all(Array.from({ length: 8 }, () => issueOf(site, code)));
    const statuses = await Promise.all(
      orders.map(
        async (body, i) =>
          (await postFrom(site, `race ${i}`, '/impuls/issue', body, (i % 2) as 0 | 1)).status,
      ),
    );
    check(statuses.filter((status) => status === 200).length === 1, `the answers were ${statuses.join()}`);
    check(
      statuses.every((status) => status === 200 || status === 409),
      `the answers were ${statuses.join()}`,
    );
    return { tries: orders.length, charged: 0 };
  },
};

/** He gives back the same units to two orders at once, for cards and for money, and orders more than he put. */
const creditRace: CodeAttack = {
  name: 'the same units exchanged, refunded and spent at once',
  outcome: 'they go to one place; an order makes what was put to it',
  async run(site, check) {
    const hand = await site.card();
    const path = `/impuls/credit?units=${denomination}`;
    const challenge = await site.ask(path, { method: 'POST' });
    const secrets = Array.from({ length: 6 }, () => createVoucherCode(random));
    const put = async (order: string, i: number): Promise<number> => {
      const purpose = i % 2 === 0 ? 'exchange' : 'refund';
      const sealed = await sealJson(site.vendors[0].document, 'credit', { order, purpose });
      const body = Buffer.from(JSON.stringify(sealed));
      const request = { target: path, method: 'POST', body };
      const numbers = { end: denomination, units: denomination };
      const { authorization } = claimOf(hand, challenge, request, numbers);
      const init = { method: 'POST', headers: { authorization }, body, door: (i % 2) as 0 | 1 };
      return (await site.send(path, init)).status;
    };
    const statuses = await Promise.all(secrets.map(put));
    check(statuses.filter((status) => status === 204).length === 1, `the answers were ${statuses.join()}`);
    const winner = statuses.indexOf(204);
    const winning = secrets[winner]!;
    const two = await postFrom(
      site,
      'credit two',
      '/impuls/issue',
      await issueOf(site, winning, [blindedItem(site), blindedItem(site)]),
    );
    check(two.status === (winner % 2 === 0 ? 400 : 403), `twice the units were answered ${two.status}`);
    const orders = await Promise.all([issueOf(site, winning), issueOf(site, winning)]);
    const served = await Promise.all(
      orders.map((body, i) => postFrom(site, `credit ${i}`, '/impuls/issue', body, i as 0 | 1)),
    );
    const made = served.filter(({ status }) => status === 200).length;
    check(made === (winner % 2 === 0 ? 1 : 0), `cards were made ${made} times`);
    return { tries: secrets.length + 3, charged: denomination };
  },
};

/** He activates one card many times, at both servers at once. */
const activationRace: CodeAttack = {
  name: 'one card activated at two servers at once',
  outcome: 'one card, its units once',
  async run(site, check) {
    const hand = await site.newCard();
    const before = await site.ledger.totals();
    const body = await activationOf(hand, site.vendors[0].digest);
    const statuses = await Promise.all(
      Array.from(
        { length: 12 },
        async (_, i) => (await postFrom(site, '', '/impuls/activate', body, (i % 2) as 0 | 1)).status,
      ),
    );
    check(
      statuses.every((status) => status === 200),
      `the answers were ${statuses.join()}`,
    );
    const after = await site.ledger.totals();
    check(after.cards - before.cards === 1, `${after.cards - before.cards} cards were opened`);
    check(after.units - before.units === denomination, 'its units were counted more than once');
    return { tries: 12, charged: 0 };
  },
};

/** He has cards that nobody signed, or another key, and floods the vendor with activations, each of which costs it a key agreement. */
const activationFlood: CodeAttack = {
  name: 'a flood of forged activations',
  outcome: '4xx or 503; claims are served meanwhile',
  async run(site, check) {
    const hand = await site.card();
    const challenge = await site.ask('/one');
    const forged: HandCard = { ...hand, signature: randomBytes(384).fill(0, 0, 1) };
    const body = await activationOf(forged, site.vendors[0].digest);
    const before = await site.ledger.totals();
    const flood = Array.from({ length: 80 }, async () => {
      const { status } = await postFrom(site, '', '/impuls/activate', body);
      check([400, 503].includes(status), `an activation was answered ${status}`);
    });
    for (let end = 1; end <= 3; end++) {
      const { authorization } = claimOf(hand, challenge, { target: '/one' }, { end, units: 1 });
      check(
        (await site.send('/one', { headers: { authorization } })).status === 200,
        'a claim was not served',
      );
    }
    await Promise.all(flood);
    check((await site.ledger.totals()).cards === before.cards, 'a forged card was opened');
    return { tries: flood.length, charged: 3 };
  },
};

/** He has no code, and orders 64 cards for each that he makes up: the vendor signs them all before it says no. */
const signingFlood: CodeAttack = {
  name: 'wrong codes with 64 cards to sign',
  outcome: 'a claim waits for one signature at most',
  async run(site, check) {
    const hand = await site.card();
    const challenge = await site.ask('/one');
    const items = Array.from({ length: 64 }, () => blindedItem(site));
    const body = await issueOf(site, createVoucherCode(random), items);
    const progress = { done: false };
    const guess = postFrom(site, 'signing', '/impuls/issue', body).then(({ status }) => {
      progress.done = true;
      return status;
    });
    let served = 0;
    for (let end = 1; end <= 2; end++) {
      const { authorization } = claimOf(hand, challenge, { target: '/one' }, { end, units: 1 });
      if ((await site.send('/one', { headers: { authorization } })).status === 200) served++;
    }
    check(served === 2, `${served} claims were served`);
    check(!progress.done, 'the claims waited for all signatures');
    check((await guess) === 403, 'it was taken');
    return { tries: 1, charged: 2 };
  },
};

/** He writes JSON that takes long to read, much to keep, or more than a stack to walk. */
const jsonBombs: CodeAttack = {
  name: 'JSON bombs',
  outcome: '400 or 413',
  async run(site, check) {
    const texts = [
      '['.repeat(60_000),
      `${'['.repeat(30_000)}${']'.repeat(30_000)}`,
      `${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`,
      `{"sealed":${'9'.repeat(60_000)}}`,
      '{"sealed":1e999999}',
      `{${Array.from({ length: 5000 }, (_, i) => `"${i}":1`).join()}}`,
      '{"__proto__":{"activation":"x"},"constructor":{"prototype":{}}}',
      '{"activation":"\\ud800"}',
      '{"activation":"a","activation":"b"}',
      '\u0000',
      `"${'\\u0041'.repeat(10_000)}"`,
      'x'.repeat(200_000),
    ];
    for (const path of ['activate', 'issue', 'order', 'state', 'statement']) {
      for (const body of texts) {
        const response = await site.send(`/impuls/${path}`, { method: 'POST', body });
        check(
          [400, 413].includes(response.status),
          `${path} answered ${body.slice(0, 20)} ${response.status}`,
        );
      }
    }
    return { tries: texts.length * 5, charged: 0 };
  },
};

/** He asks for the statement of his own card again and again: each is a signature. */
const statementFlood: CodeAttack = {
  name: 'a flood of statements',
  outcome: '200 or 503; claims are served meanwhile',
  async run(site, check) {
    const hand = await site.card();
    const challenge = await site.ask('/one');
    const flood = Array.from({ length: 80 }, async () => {
      const { status } = await site.post('/impuls/statement', stateRequestOf(hand, 'statement'));
      check([200, 503].includes(status), `a statement was answered ${status}`);
    });
    const { authorization } = claimOf(hand, challenge, { target: '/one' }, { end: 1, units: 1 });
    check((await site.send('/one', { headers: { authorization } })).status === 200, 'a claim was not served');
    await Promise.all(flood);
    return { tries: flood.length, charged: 1 };
  },
};

/** He has a card and claims for meters that are not his, or that he makes up. */
const meters: CodeAttack = {
  name: 'top-ups of meters that are not there',
  outcome: '410, and the units come back',
  async run(site, check) {
    const hand = await site.card();
    for (let end = 1; end <= 10; end++) {
      const path = `/impuls/meter/${toBase64url(randomBytes(16))}?units=1`;
      const challenge = await site.ask(path, { method: 'POST' });
      const request = { target: path, method: 'POST' };
      const { authorization } = claimOf(hand, challenge, request, { end, units: 1 });
      const { status } = await site.send(path, { method: 'POST', headers: { authorization } });
      check(status === 410, `it was answered ${status}`);
    }
    const odd = ['?units=0', '?units=4294967296', '?units=1&units=2', '?units=-1', '?units=1#', ''];
    for (const query of odd) {
      const { status } = await site.send(`/impuls/meter/${'A'.repeat(22)}${query}`, { method: 'POST' });
      check(status >= 400, `${query} was answered ${status}`);
    }
    return { tries: 10 + odd.length, charged: 0 };
  },
};

/** He guesses codes from one place, and then from many, many at once. It comes last: the budget of all is used up then. */
const guessing: CodeAttack = {
  name: 'guessing codes from many sources at once',
  outcome: 'as many tries as the budget has, then 429; the budget is not passed by haste',
  async run(site, check) {
    const [vendor] = site.vendors;
    const { failed, limit } = vendor.failures;
    const body = await sealJson(vendor.document, 'order', { order: createVoucherCode(random) });
    const guess = (source: string): Promise<number> =>
      postFrom(site, source, '/impuls/order', body).then(({ status }) => status);
    const one = await Promise.all(Array.from({ length: 20 }, () => guess('one place')));
    check(one.filter((status) => status === 403).length <= 5, `one place failed ${one.join()}`);
    const all = await Promise.all(Array.from({ length: 70 }, (_, i) => guess(`place ${i}`)));
    check(
      all.every((status) => [403, 429, 503].includes(status)),
      `it was answered ${[...new Set(all)].join()}`,
    );
    const tries = vendor.failures.failed - failed;
    check(tries <= limit, `${tries} guesses were made where ${limit} may fail`);
    check((await guess('an honest place')) === 429, 'the budget of all was not used up');
    return { tries: one.length + all.length + 1, charged: 0 };
  },
};

export const codeAttacks: readonly CodeAttack[] = [
  wrongCodes,
  orderRace,
  creditRace,
  activationRace,
  activationFlood,
  signingFlood,
  jsonBombs,
  statementFlood,
  meters,
  guessing,
];
