import { AsyncLocalStorage } from 'node:async_hooks';
import { createServer, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { Payment } from '../server/index.js';
import { guard } from './guard.js';

const servers: Array<() => void> = [];
afterEach(() => servers.splice(0).forEach((close) => close()));

/** What a listener answers. */
async function answerOf(listener: RequestListener): Promise<Response> {
  const server = createServer(listener);
  servers.push(() => server.close());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
}

/** A payment that notes what becomes of it. */
function makePayment(name: string): Payment & { readonly fates: string[] } {
  const fates: string[] = [];
  return {
    fates,
    keepsReply: false,
    sealKey: undefined,
    settle: () => (fates.push('settled'), [[`X-${name}`, 'paid']]),
    release: async () => (fates.push('released'), [[`X-${name}`, 'released']]),
  } as unknown as Payment & { readonly fates: string[] };
}

describe('a guard', () => {
  it('puts the headers on by whatever way the head is written', async () => {
    const ways: Array<(res: ServerResponse) => void> = [
      (res) => res.writeHead(200, { A: 'b' }).end('body'),
      (res) => res.writeHead(200, 'Fine', ['A', 'b']).end('body'),
      (res) => (res.setHeader('A', 'b'), res.end('body')),
      (res) => (res.setHeader('A', 'b'), res.write('bo'), res.end('dy')),
      (res) => (res.setHeader('A', 'b'), res.flushHeaders(), res.end('body')),
    ];
    for (const way of ways) {
      const payment = makePayment('One');
      const answer = await answerOf((_, res) => {
        guard(res, payment);
        way(res);
      });
      expect([answer.status, answer.headers.get('x-one'), answer.headers.get('a')]).toEqual([
        200,
        'paid',
        'b',
      ]);
      expect(await answer.text()).toBe('body');
      expect(payment.fates).toEqual(['settled']);
    }
  });

  it('stands behind another one, and behind what was put between them', async () => {
    for (const [status, fate] of [
      [200, 'paid'],
      [404, 'released'],
    ] as const) {
      const [one, two] = [makePayment('One'), makePayment('Two')];
      const ends: string[] = [];
      const answer = await answerOf((_, res) => {
        guard(res, one);
        const { end } = res as unknown as { end: (...args: unknown[]) => ServerResponse };
        res.end = function (this: ServerResponse, ...args: unknown[]) {
          ends.push('between');
          return Reflect.apply(end, this, args);
        } as typeof res.end;
        guard(res, two);
        res.statusCode = status;
        res.end('body');
      });
      expect([answer.headers.get('x-one'), answer.headers.get('x-two')]).toEqual([fate, fate]);
      expect(await answer.text()).toBe('body');
      expect(ends).toEqual(['between']);
    }
  });

  it('passes the end of an answer on when the handlers of its turn have returned', async () => {
    const order: string[] = [];
    const answer = await answerOf((_, res) => {
      const { end } = res as unknown as { end: (...args: unknown[]) => ServerResponse };
      res.end = function (this: ServerResponse, ...args: unknown[]) {
        order.push('ended');
        return Reflect.apply(end, this, args);
      } as typeof res.end;
      guard(res, makePayment('One'));
      res.writeHead(200, { 'Content-Length': 4 }).end('body');
      order.push('returned');
    });
    expect(await answer.text()).toBe('body');
    expect(order).toEqual(['returned', 'ended']);
  });

  it('lets a handler find after the end what Node has it find', async () => {
    const codes: unknown[] = [];
    const note = (error: unknown) => codes.push((error as NodeJS.ErrnoException).code);
    const answer = await answerOf((_, res) => {
      guard(res, makePayment('One'));
      res.on('error', note);
      res.writeHead(200, { 'Content-Length': 4 });
      try {
        res.end(5 as never);
      } catch (error) {
        note(error);
      }
      res.end('body');
      res.write('more');
      res.end('and more');
    });
    expect(await answer.text()).toBe('body');
    expect(codes).toEqual(['ERR_INVALID_ARG_TYPE', 'ERR_STREAM_WRITE_AFTER_END']);
  });

  it('sends an answer that is ended and destroyed in one breath', async () => {
    const answer = await answerOf((_, res) => {
      guard(res, makePayment('One'));
      res.writeHead(200, { 'Content-Length': 4 }).end('body');
      res.destroy();
    });
    expect(await answer.text()).toBe('body');
  });

  it('tells of the end in the context of its handler', async () => {
    const context = new AsyncLocalStorage<string>();
    let finished: string | undefined;
    const answer = await answerOf((_, res) => {
      guard(res, makePayment('One'));
      res.on('finish', () => (finished = context.getStore()));
      context.run('of the handler', () => res.writeHead(200, { 'Content-Length': 4 }).end('body'));
    });
    expect(await answer.text()).toBe('body');
    expect(finished).toBe('of the handler');
  });

  it('leaves the length of an answer to Node where the handler does not say it', async () => {
    const answer = await answerOf((_, res) => {
      guard(res, makePayment('One'));
      res.end('body');
    });
    expect(answer.headers.get('content-length')).toBe('4');
    expect(await answer.text()).toBe('body');
  });
});
