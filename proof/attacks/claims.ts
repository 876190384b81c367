import { randomBytes } from 'node:crypto';
import { fromBase64url, toBase64url } from '../../src/core/base64url.js';
import { limits } from '../../src/core/limits.js';
import type { PaymentPayload } from '../../src/core/wire/index.js';
import { challengesOf, claimOf, type HandCard } from '../../test/support/card.js';
import type { Attack } from './attack.js';
import { sendRaw, type Site } from './site.js';

/** Attacks on claims: to be served twice, for less, or with units of others. */

type ClaimAttack = Attack<Site>;

const bearing = (authorization: string, door: 0 | 1 = 0) => ({ headers: { authorization }, door });

/** The same card, as one whose links the attacker has made up. */
function forging(hand: HandCard, proof: Uint8Array): HandCard {
  return { ...hand, card: { ...hand.card, source: { ...hand.card.source, proof: () => proof } } };
}

async function statusesOf(responses: readonly Promise<Response>[]): Promise<number[]> {
  const statuses = [];
  for (const response of await Promise.all(responses)) {
    await response.arrayBuffer();
    statuses.push(response.status);
  }
  return statuses;
}

const count = (statuses: readonly number[], wanted: number): number =>
  statuses.filter((status) => status === wanted).length;

/** He has a card and two servers of one ledger: he signs many claims for the same units, and sends them to both at once. */
const doubleSpend: ClaimAttack = {
  name: 'double spend in a race over two servers',
  outcome: 'one claim wins, the others are 409',
  async run(site, check) {
    let tries = 0;
    for (const protocol of ['chain', 'stream'] as const) {
      const hand = await site.card(protocol);
      const challenge = await site.ask('/a');
      const claims = Array.from({ length: 24 }, (_, i) => {
        const { authorization } = claimOf(hand, challenge, { target: '/a' }, { end: 3, units: 3 });
        return site.send('/a', bearing(authorization, (i % 2) as 0 | 1));
      });
      const statuses = await statusesOf(claims);
      tries += claims.length;
      check(count(statuses, 200) === 1, `${count(statuses, 200)} of ${protocol} were served`);
      check(count(statuses, 409) === claims.length - 1, `others heard ${statuses.join()}`);
    }
    return { tries, charged: 6 };
  },
};

/** He has a chain card: ranges that overlap, so that each unit is in three claims. */
const overlaps: ClaimAttack = {
  name: 'overlapping ranges of a chain at once',
  outcome: 'disjoint ones win',
  async run(site, check) {
    const hand = await site.card();
    const challenge = await site.ask('/a');
    const ends = Array.from({ length: 24 }, (_, i) => i + 3);
    const served = new Set<number>();
    await Promise.all(
      ends.map(async (end) => {
        const { authorization } = claimOf(hand, challenge, { target: '/a' }, { end, units: 3 });
        const response = await site.send('/a', bearing(authorization, (end % 2) as 0 | 1));
        await response.arrayBuffer();
        if (response.status === 200) served.add(end);
      }),
    );
    for (const end of served) check(!served.has(end + 1) && !served.has(end + 2), `${end} overlaps another`);
    return { tries: ends.length, charged: served.size * 3 };
  },
};

/** He sends one and the same claim of an unsafe method to both servers, many times at once. */
const oneClaimTwoDoors: ClaimAttack = {
  name: 'one claim of a POST sent to two servers',
  outcome: 'the handler runs once',
  async run(site, check) {
    const hand = await site.card();
    const before = site.runs.get('/one') ?? 0;
    const challenge = await site.ask('/one', { method: 'POST' });
    const request = { target: '/one', method: 'POST' };
    const { authorization } = claimOf(hand, challenge, request, { end: 1, units: 1 });
    const sends = Array.from({ length: 20 }, (_, i) =>
      site.send('/one', { method: 'POST', ...bearing(authorization, (i % 2) as 0 | 1) }),
    );
    await statusesOf(sends);
    const runs = site.runs.get('/one')! - before;
    check(runs === 1, `it ran ${runs} times`);
    return { tries: sends.length, charged: 1 };
  },
};

/** He names two requests by one Idempotency-Key, with other cards too, and hopes for an answer that he has not paid. */
const keysOfOthers: ClaimAttack = {
  name: 'Idempotency-Key of another card',
  outcome: 'each card has keys of its own, each request runs',
  async run(site, check) {
    const before = site.runs.get('/one') ?? 0;
    const challenge = await site.ask('/one', { method: 'POST' });
    const hands = [await site.card(), await site.card()];
    for (const hand of hands) {
      const { authorization } = claimOf(
        hand,
        challenge,
        { target: '/one', method: 'POST' },
        { end: 1, units: 1 },
      );
      const headers = { authorization, 'idempotency-key': 'same' };
      const response = await site.send('/one', { method: 'POST', headers });
      await response.arrayBuffer();
      check(response.status === 200, `it was ${response.status}`);
    }
    check(site.runs.get('/one')! - before === 2, 'one got the answer of the other');
    return { tries: 2, charged: 2 };
  },
};

/** He makes many claims with one Idempotency-Key at once, over both servers, to be charged or served more than once. */
const keyRace: ClaimAttack = {
  name: 'one Idempotency-Key, many claims, two servers',
  outcome: 'one is charged and runs',
  async run(site, check) {
    const before = site.runs.get('/one') ?? 0;
    const hand = await site.card();
    const challenge = await site.ask('/one', { method: 'POST' });
    const request = { target: '/one', method: 'POST' };
    const sends = Array.from({ length: 16 }, (_, i) => {
      const { authorization } = claimOf(hand, challenge, request, { end: i + 1, units: 1 });
      const headers = { authorization, 'idempotency-key': 'k' };
      return site.send('/one', { method: 'POST', headers, door: (i % 2) as 0 | 1 });
    });
    await statusesOf(sends);
    check(site.runs.get('/one')! - before === 1, 'the handler ran more than once');
    return { tries: sends.length, charged: 1 };
  },
};

/** He has seen a link of his own that is spent, and of another card: he shows them as links that he has not. */
const forgedLinks: ClaimAttack = {
  name: 'forged links',
  outcome: '402, and after 16 nothing of the card is hashed any more',
  async run(site, check) {
    const hand = await site.card();
    const other = await site.card();
    const challenge = await site.ask('/one');
    const paid = claimOf(hand, challenge, { target: '/one' }, { end: 5, units: 1 });
    check((await site.send('/one', bearing(paid.authorization))).status === 200, 'an honest claim failed');
    const links = [
      hand.card.source.proof(5),
      hand.card.source.proof(4),
      other.card.source.proof(6),
      randomBytes(32),
      new Uint8Array(32),
    ];
    let tries = 0;
    for (let round = 0; round < 5; round++) {
      for (const link of links) {
        const end = [6, 700, 1000][tries % 3]!;
        const { authorization } = claimOf(
          forging(hand, link),
          challenge,
          { target: '/one' },
          { end, units: 1 },
        );
        const response = await site.send('/one', bearing(authorization));
        check(response.status === 402, `a forged link for ${end} was answered ${response.status}`);
        tries++;
      }
    }
    return { tries, charged: 1 };
  },
};

/** He leaps over units, to make each claim cost the vendor as many hashes as he can, and to fill the card with gaps. */
const gaps: ClaimAttack = {
  name: 'jumps and gaps',
  outcome: `at most ${limits.gaps} gaps; then 409, and paying into gaps goes on`,
  async run(site, check) {
    let tries = 0;
    let charged = 0;
    for (const protocol of ['chain', 'stream'] as const) {
      const hand = await site.card(protocol);
      const challenge = await site.ask('/one');
      const pay = async (end: number): Promise<number> => {
        const { authorization } = claimOf(hand, challenge, { target: '/one' }, { end, units: 1 });
        const response = await site.send('/one', bearing(authorization));
        await response.arrayBuffer();
        tries++;
        if (response.status === 200) charged++;
        return response.status;
      };
      for (let i = 1; i <= limits.gaps; i++) check((await pay(i * 2)) === 200, `gap ${i} was refused`);
      check((await pay(1000 - 1)) === 409, 'there is a gap too many');
      check((await pay(3)) === 200, 'a gap cannot be paid into');
      check((await pay((limits.gaps + 1) * 2)) === 200, 'there is no room for a gap that is free again');
    }
    return { tries, charged };
  },
};

/** He has heard a credential on the way, and sends it for what it was not made for, or with a part of it replaced. */
const stolen: ClaimAttack = {
  name: 'a stolen credential, elsewhere',
  outcome: '402 unknown, nothing of the card is told',
  async run(site, check) {
    const hand = await site.card();
    const challenge = await site.ask('/one');
    const numbers = { end: 1, units: 1 };
    const { authorization, tag } = claimOf(hand, challenge, { target: '/one' }, numbers);
    const next = claimOf(hand, challenge, { target: '/one' }, { end: 2, units: 1 });
    const other = await site.card();
    const wrong = (changed: Partial<PaymentPayload>, by = hand): string =>
      claimOf(by, challenge, { target: '/one' }, numbers, changed).authorization;
    const tries: Array<readonly [string, RequestInit]> = [
      ['/a', { headers: { authorization } }],
      ['/one?x', { headers: { authorization } }],
      ['/one?=', { headers: { authorization } }],
      ['/one', { method: 'HEAD', headers: { authorization } }],
      ['/one', { method: 'POST', headers: { authorization } }],
      ['/one', { method: 'PUT', headers: { authorization } }],
      ['/one', { headers: { authorization: wrong({ tag: next.tag }) } }],
      ['/one', { headers: { authorization: wrong({ tag }, other) } }],
      ['/one', { headers: { authorization: wrong({ card: fromBase64url(other.card.id) }) } }],
      ['/one', { headers: { authorization: wrong({ protocol: 'stream', proof: new Uint8Array(16) }) } }],
      ['/one', { headers: { authorization: wrong({ nonce: new Uint8Array(16) }) } }],
      ['/one', { headers: { authorization: wrong({ seal: 'aes128gcm' }) } }],
    ];
    for (const [path, init] of tries) {
      const response = await site.send(path, init);
      check(response.status === 402, `${init.method ?? 'GET'} ${path} was answered ${response.status}`);
      check(!response.headers.has('impuls-state'), `${path} tells the state of a card`);
    }
    return { tries: tries.length, charged: 0 };
  },
};

/** He moves bytes from one field of the transcript into the next: lengths stand before each. */
const transcript: ClaimAttack = {
  name: 'fields of the transcript shifted',
  outcome: '402 unknown',
  async run(site, check) {
    const hand = await site.card();
    const challenge = await site.ask('/localized');
    const shifts: ReadonlyArray<readonly [target: string, language: string]> = [
      ['/localizedaccept-language', ''],
      ['/localized\u0000\u0000\u0000\u0001', 'e'],
      ['/localized', 'en '],
      ['/localized', ''],
    ];
    for (const [target, language] of shifts) {
      const request = { target, headers: [['accept-language', language]] as const };
      const { authorization } = claimOf(hand, challenge, request, { end: 1, units: 1 });
      const headers = { authorization, 'accept-language': 'en' };
      const response = await site.send('/localized', { headers });
      check(response.status === 402, `${JSON.stringify([target, language])} was taken`);
    }
    return { tries: shifts.length, charged: 0 };
  },
};

/** He writes numbers and members as nobody writes them, to have them read in two ways. */
const oddCredentials: ClaimAttack = {
  name: 'numbers and members that can be read in two ways',
  outcome: '402 malformed-credential',
  async run(site, check) {
    const hand = await site.card();
    const challenge = await site.ask('/one');
    const { authorization } = claimOf(hand, challenge, { target: '/one' }, { end: 1, units: 1 });
    const text = Buffer.from(authorization.slice('Payment '.length), 'base64url').toString();
    const numbers = ['0', '01', '+1', '-1', '1.0', '1e0', ' 1', '1 ', '４', '4294967296', '9'.repeat(400)];
    const texts = [
      ...numbers.flatMap((number) => [
        text.replace('"end":"1"', `"end":"${number}"`),
        text.replace('"units":"1"', `"units":"${number}"`),
      ]),
      text.replace('"end":"1"', '"end":1'),
      text.replace('"units":"1"', '"units":null'),
      text.replace('"end":"1"', '"end":"1","end":"1"'),
      text.replace('"end":"1"', '"end":"1","__proto__":{"units":"9"}'),
      text.replace('"end":"1"', '"end":"1","more":1'),
      text.replace('"action":"pay"', '"action":"refund"'),
      `${text} `.repeat(2),
      `\ufeff${text}`,
      `[${text}]`,
      `${'['.repeat(3000)}${']'.repeat(3000)}`,
      text.replace('"challenge":{', `"challenge":{"deep":${'{"a":'.repeat(200)}1${'}'.repeat(200)},`),
    ];
    for (const one of texts) {
      const response = await site.send('/one', bearing(`Payment ${toBase64url(Buffer.from(one))}`));
      check(response.status === 402, `${one.slice(-80)} was answered ${response.status}`);
    }
    for (const scheme of ['Payment\t', 'Bearer ', 'Payment  ,', '']) {
      const response = await site.send('/one', bearing(scheme + authorization.slice('Payment '.length)));
      check(response.status === 402, `the scheme ${JSON.stringify(scheme)} was answered ${response.status}`);
    }
    return { tries: texts.length + 4, charged: 0 };
  },
};

/** He asks for cards that he has not, to learn which there are. */
const probing: ClaimAttack = {
  name: 'probing for cards',
  outcome: 'a card that is there and one that is not are told alike',
  async run(site, check) {
    const [hand, stranger] = [await site.card(), await site.newCard()];
    const challenge = await site.ask('/one');
    const bodies = new Set<string>();
    for (const target of [hand, stranger]) {
      const wrong = { ...target, card: { ...target.card, keys: stranger.card.keys } };
      const numbers = { end: 1, units: 1 };
      const tag = new Uint8Array(16);
      const { authorization } = claimOf(wrong, challenge, { target: '/one' }, numbers, { tag });
      const response = await site.send('/one', bearing(authorization));
      const names = [...response.headers.keys()].join();
      bodies.add(`${response.status} ${names} ${await response.text()}`);
      const asked = { card: target.card.id, nonce: 'A'.repeat(22), tag: 'A'.repeat(22) };
      for (const path of ['/impuls/state', '/impuls/statement']) {
        const reply = await site.post(path, asked);
        bodies.add(`${reply.status} ${await reply.text()}`);
      }
    }
    check(bodies.size === 2, `there were ${bodies.size} answers: ${[...bodies].join(' | ')}`);
    return { tries: 6, charged: 0 };
  },
};

/** He echoes a challenge that is good once with many claims, one of another route, and one that he has changed. */
const challenges: ClaimAttack = {
  name: 'challenges used again, elsewhere or changed',
  outcome: 'one claim a charge; others 402, or the price of the route',
  async run(site, check) {
    const hand = await site.card();
    const [session, charge] = challengesOf(await site.send('/one'));
    let served = 0;
    for (let end = 1; end <= 4; end++) {
      const { authorization } = claimOf(hand, charge!, { target: '/one' }, { end, units: 1 });
      if ((await site.send('/one', bearing(authorization))).status === 200) served++;
    }
    check(served === 1, `one charge challenge was good for ${served} claims`);
    const cheap = claimOf(hand, session!, { target: '/a' }, { end: 10, units: 1 });
    check((await site.send('/a', bearing(cheap.authorization))).status === 402, 'another price was taken');
    const request = Buffer.from(session!.request, 'base64url')
      .toString()
      .replace('"amount":"1"', '"amount":"2"');
    const changed = { ...session!, request: Buffer.from(request).toString('base64url') };
    const claim = claimOf(hand, changed, { target: '/one' }, { end: 11, units: 1 });
    check(
      (await site.send('/one', bearing(claim.authorization))).status === 402,
      'it took what it never asked',
    );
    const [sealed] = challengesOf(await site.send('/sealed'));
    const bare = claimOf(hand, sealed!, { target: '/sealed' }, { end: 12, units: 1 });
    check((await site.send('/sealed', bearing(bare.authorization))).status === 402, 'a seal was left out');
    return { tries: 7, charged: 1 };
  },
};

/** He repeats what was answered with an error, and hopes to be served with units that came back. */
const released: ClaimAttack = {
  name: 'a released claim sent again',
  outcome: '409, and nothing runs',
  async run(site, check) {
    const hand = await site.card();
    const { authorization } = claimOf(
      hand,
      await site.ask('/missing'),
      { target: '/missing' },
      { end: 1, units: 1 },
    );
    check((await site.send('/missing', bearing(authorization))).status === 404, 'the handler did not answer');
    const runs = site.runs.get('/missing');
    const again = Array.from({ length: 10 }, (_, i) =>
      site.send('/missing', bearing(authorization, (i % 2) as 0 | 1)),
    );
    const statuses = await statusesOf(again);
    check(count(statuses, 409) === again.length, `it was answered ${statuses.join()}`);
    check(site.runs.get('/missing') === runs, 'the handler ran again');
    return { tries: again.length, charged: 0 };
  },
};

/** He pays once and asks for the same answer for ever. */
const repeats: ClaimAttack = {
  name: 'one payment served for ever',
  outcome: `${limits.repeats} times more at each server, then 409`,
  async run(site, check) {
    const hand = await site.card();
    const { authorization } = claimOf(hand, await site.ask('/one'), { target: '/one' }, { end: 1, units: 1 });
    const before = site.runs.get('/one') ?? 0;
    for (let i = 0; i < 30; i++) await (await site.send('/one', bearing(authorization))).arrayBuffer();
    const runs = site.runs.get('/one')! - before;
    check(runs === limits.repeats + 1, `it was served ${runs} times`);
    return { tries: 30, charged: 1 };
  },
};

/** He sends the header that pays twice in one request: both right, or one for another request. */
const twoHeaders: ClaimAttack = {
  name: 'two Authorization headers',
  outcome: 'one is read, or none',
  async run(site, check) {
    const hand = await site.card();
    const challenge = await site.ask('/one');
    const claim = (end: number): string =>
      claimOf(hand, challenge, { target: '/one' }, { end, units: 1 }).authorization;
    const [one, two] = [claim(1), claim(2)];
    const head = `GET /one HTTP/1.1\r\nHost: ${new URL(site.origin).host}\r\nConnection: close\r\n`;
    const separate = `${head}Authorization: ${one}\r\nAuthorization: ${two}\r\n\r\n`;
    const joined = `${head}Authorization: ${claim(3)}, ${claim(4)}\r\n\r\n`;
    const before = await site.spent();
    for (const text of [separate, joined]) await sendRaw(site.ports[0], text);
    const charged = (await site.spent()) - before;
    check(charged <= 1, `${charged} units were charged for one answer`);
    return { tries: 2, charged };
  },
};

export const claimAttacks: readonly ClaimAttack[] = [
  doubleSpend,
  overlaps,
  oneClaimTwoDoors,
  keysOfOthers,
  keyRace,
  forgedLinks,
  gaps,
  stolen,
  transcript,
  oddCredentials,
  probing,
  challenges,
  released,
  repeats,
  twoHeaders,
];
