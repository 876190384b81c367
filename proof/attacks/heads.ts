import { connect, type Socket } from 'node:net';
import { once } from 'node:events';
import { claimOf } from '../../test/support/card.js';
import type { Attack } from './attack.js';
import { sendRaw, statusesOf, type Site } from './site.js';

/** Attacks by HTTP itself: odd targets and heads, requests in requests, connections that are only kept. */

type HeadAttack = Attack<Site>;

async function honestCall(site: Site): Promise<boolean> {
  const hand = await site.card();
  const { authorization } = claimOf(hand, await site.ask('/one'), { target: '/one' }, { end: 1, units: 1 });
  return (await site.send('/one', { headers: { authorization } })).status === 200;
}

/** He has a card, and writes the target of his claim in ways that others may read as the same. */
const targets: HeadAttack = {
  name: 'targets that are nearly the same',
  outcome: 'a claim is for its bytes alone',
  async run(site, check) {
    const hand = await site.card();
    const challenge = await site.ask('/one');
    const { authorization } = claimOf(hand, challenge, { target: '/one' }, { end: 1, units: 1 });
    const written = [
      '/one?',
      '//one',
      '/./one',
      '/a/../one',
      '/%6fne',
      '/one/',
      '/one%00',
      '/one#x',
      '/ONE',
      '/one;x=1',
      '\\one',
      '*',
      'one',
      'http://evil.example/one',
      `${site.origin}/one`,
    ];
    for (const target of written) {
      const text = await sendRaw(
        site.ports[0],
        `GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: ${authorization}\r\n\r\n`,
      );
      check(!statusesOf(text).includes(200), `${target} was served`);
    }
    return { tries: written.length, charged: 0 };
  },
};

/** He sends another Host, and headers that some servers take for one, to get challenges for a place of his. */
const foreignHosts: HeadAttack = {
  name: 'the Host of somebody else',
  outcome: 'challenges name the origin of the key document',
  async run(site, check) {
    const heads = [
      'Host: evil.example',
      'Host: evil.example:80',
      'Host: x\r\nX-Forwarded-Host: evil.example\r\nForwarded: host=evil.example',
      'Host: ',
      'Host: a\r\nHost: b',
    ];
    for (const head of heads) {
      const text = await sendRaw(site.ports[0], `GET /one HTTP/1.1\r\n${head}\r\nConnection: close\r\n\r\n`);
      check(!text.includes('evil'), `${head} came back`);
      const [status] = statusesOf(text);
      check(status === 402 || status === 400, `${head} was answered ${status}`);
    }
    return { tries: heads.length, charged: 0 };
  },
};

/** He writes a request so that a server before this one might see another end of it, with a claim in the part that is hidden. */
const smuggling: HeadAttack = {
  name: 'requests hidden in requests',
  outcome: '400, and nothing of the hidden part is done',
  async run(site, check) {
    const hand = await site.card();
    const challenge = await site.ask('/one');
    const { authorization } = claimOf(hand, challenge, { target: '/one' }, { end: 1, units: 1 });
    const hidden = `GET /one HTTP/1.1\r\nHost: x\r\nAuthorization: ${authorization}\r\n\r\n`;
    const post = 'POST /impuls/order HTTP/1.1\r\nHost: x\r\n';
    const texts = [
      `${post}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${hidden}`,
      `${post}Content-Length: 0\r\nContent-Length: ${hidden.length}\r\n\r\n${hidden}`,
      `${post}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n${hidden}`,
      `${post}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n${hidden}`,
      `${post}Content-Length: +0\r\n\r\n${hidden}`,
      `${post}Content-Length : 0\r\n\r\n${hidden}`,
      `${post} Content-Length: 0\r\n\r\n${hidden}`,
      `${post}Transfer-Encoding: chunked\r\n\r\nffffffffffffffff0\r\n${hidden}`,
      `${post}Content-Length: 99999999999999999999\r\n\r\n${hidden}`,
    ];
    const answers = await Promise.all(texts.map((text) => sendRaw(site.ports[0], text)));
    answers.forEach((answer, i) => {
      check(!statusesOf(answer).includes(200), `${JSON.stringify(texts[i]!.slice(0, 90))} let it through`);
    });
    return { tries: texts.length, charged: 0 };
  },
};

/** He pipelines one claim many times in one write. */
const pipelined: HeadAttack = {
  name: 'one claim pipelined',
  outcome: 'charged once, answers in order',
  async run(site, check) {
    const hand = await site.card();
    const challenge = await site.ask('/a');
    const { authorization } = claimOf(hand, challenge, { target: '/a' }, { end: 3, units: 3 });
    const request = `GET /a HTTP/1.1\r\nHost: x\r\nAuthorization: ${authorization}\r\n\r\n`;
    const statuses = statusesOf(await sendRaw(site.ports[0], request.repeat(12)));
    check(statuses.length === 12 && statuses[0] === 200, `the answers were ${statuses.join()}`);
    check(
      statuses.every((status) => status === 200 || status === 409),
      `the answers were ${statuses.join()}`,
    );
    return { tries: 12, charged: 3 };
  },
};

/** He sends heads without end, and values that no header has. */
const headerBombs: HeadAttack = {
  name: 'header bombs',
  outcome: '431 or 400; the next call is served',
  async run(site, check) {
    const many = Array.from({ length: 5000 }, (_, i) => `x${i}: 1`).join('\r\n');
    const heads = [
      `Authorization: Payment ${'A'.repeat(60_000)}`,
      `X: ${'A'.repeat(100_000)}`,
      many,
      'Authorization: Payment \u0000',
      `Authorization: ${'Payment '.repeat(1000)}`,
      `Accept-Payment: ${'impuls/session;q=0.1,'.repeat(600)}`,
      `Idempotency-Key: ${'k'.repeat(10_000)}`,
      `Accept-Payment: ${'*'.repeat(10_000)}`,
      `Origin: ${'o'.repeat(10_000)}`,
    ];
    for (const head of heads) {
      const text = await sendRaw(
        site.ports[0],
        `GET /one HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${head}\r\n\r\n`,
      );
      const statuses = statusesOf(text);
      check(
        statuses.length <= 1 && [402, 400, 431, undefined].includes(statuses[0]),
        `${head.slice(0, 40)} was answered ${statuses.join()}`,
      );
    }
    check(await honestCall(site), 'the vendor serves nobody any more');
    return { tries: heads.length, charged: 1 };
  },
};

async function openSockets(site: Site, text: (i: number) => string, length: number): Promise<Socket[]> {
  const sockets = Array.from({ length }, (_, i) => {
    const socket = connect(site.ports[0], '127.0.0.1');
    socket.on('error', () => {}).resume();
    socket.on('connect', () => socket.write(text(i)));
    return socket;
  });
  await Promise.all(sockets.map((socket) => once(socket, 'connect')));
  return sockets;
}

/** He opens many connections and never ends a head. */
const slowHeads: HeadAttack = {
  name: 'heads that never end',
  outcome: 'others are served; the connections are closed in time',
  async run(site, check) {
    const sockets = await openSockets(site, () => 'GET /one HTTP/1.1\r\nHost: x\r\nX: ', 200);
    const closed = Promise.all(sockets.map((socket) => once(socket, 'close')));
    check(await honestCall(site), 'an honest call waited for them');
    await closed;
    return { tries: sockets.length, charged: 1 };
  },
};

/** He has a card, and never ends the bodies of his claims. */
const slowBodies: HeadAttack = {
  name: 'bodies that never end',
  outcome: 'others are served, nothing is claimed, no place is held',
  async run(site, check) {
    const hand = await site.card();
    const challenge = await site.ask('/one', { method: 'POST' });
    const body = new Uint8Array(60_000).fill(0x61);
    const text = (i: number): string => {
      const request = { target: '/one', method: 'POST', body };
      const { authorization } = claimOf(hand, challenge, request, { end: i + 1, units: 1 });
      const head = `POST /one HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n`;
      return `${head}Authorization: ${authorization}\r\n\r\n${'a'.repeat(50_000)}`;
    };
    const sockets = await openSockets(site, text, 100);
    check(await honestCall(site), 'an honest call waited for them');
    const [vendor] = site.vendors;
    check(vendor.load.claims === 0, `${vendor.load.claims} places are held`);
    const { bodyBytes } = vendor.load;
    check(bodyBytes <= 100 * 60_000 && bodyBytes <= (64 << 20) / 16, `${bodyBytes} bytes are kept`);
    sockets.forEach((socket) => socket.destroy());
    while (vendor.load.bodyBytes > 0) await new Promise((resolve) => setImmediate(resolve));
    return { tries: sockets.length, charged: 1 };
  },
};

/** He has no card, and sends a megabyte with each claim that he makes up. */
const unwantedBodies: HeadAttack = {
  name: 'bodies with claims of unknown cards',
  outcome: 'refused by the head; the rest is not read',
  async run(site, check) {
    const hand = await site.newCard();
    const challenge = await site.ask('/one', { method: 'POST' });
    const request = { target: '/one', method: 'POST', body: new Uint8Array(1) };
    const { authorization } = claimOf(hand, challenge, request, { end: 1, units: 1 });
    const head = `POST /one HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\nAuthorization: ${authorization}`;
    let answered = 0;
    for (let i = 0; i < 20; i++) {
      // Not a byte of the body is sent: who would read it first would wait for it.
      const text = await sendRaw(site.ports[0], `${head}\r\n\r\n`);
      if (statusesOf(text)[0] === 402 && /connection: close/i.test(text)) answered++;
    }
    check(answered === 20, `${20 - answered} were waited for`);
    return { tries: 20, charged: 0 };
  },
};

export const headAttacks: readonly HeadAttack[] = [
  targets,
  foreignHosts,
  smuggling,
  pipelined,
  headerBombs,
  slowHeads,
  slowBodies,
  unwantedBodies,
];
