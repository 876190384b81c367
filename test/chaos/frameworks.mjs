import { createHash } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { getRequestListener } from '@hono/node-server';
import express from 'express';
import fastify from 'fastify';
import { Hono } from 'hono';
import { Readable } from 'node:stream';
import * as onExpress from '../../dist/adapters/express.js';
import * as onFastify from '../../dist/adapters/fastify.js';
import * as onHono from '../../dist/adapters/hono.js';
import { createFetchHandler, createPaidHandler } from '../../dist/server/index.js';

/** What vendor.mjs serves, behind frameworks. A handler is told the request and the payment, and says an answer. */

const parameter = (url, name) => new URL(url, 'http://localhost').searchParams.get(name);

function answerTo({ method, url, body, payment }) {
  const digest = createHash('sha256').update(body).digest('base64url');
  return `${method} ${url} ${digest} ${payment.reference}\n`;
}

async function plain(asked) {
  await pause(asked.url.length % 4);
  return { status: 200, body: answerTo(asked) };
}

const routes = {
  '/one': { price: 1, answer: plain },
  '/three': { price: 3, answer: plain },
  '/order': {
    price: 2,
    async answer(asked) {
      await pause(asked.url.length % 7);
      return { status: 201, body: `${answerTo(asked)}ordered` };
    },
  },
  '/bulk': {
    price: 2,
    answer: async (asked) => ({ status: 200, body: answerTo(asked) + '.'.repeat(70_000) }),
  },
  '/metered': {
    price: 9,
    charge: 'capture',
    async answer(asked) {
      await pause(asked.url.length % 3);
      await asked.payment.capture(Number(parameter(asked.url, 'use')));
      return { status: 200, body: answerTo(asked) };
    },
  },
  '/moody': {
    price: 4,
    async answer(asked) {
      await pause(asked.url.length % 3);
      if (parameter(asked.url, 'fails') === 'yes') throw new TypeError('moody');
      return { status: 200, body: answerTo(asked) };
    },
  },
  '/sealed': {
    price: 2,
    async answer(asked) {
      const pieces = async function* () {
        yield Buffer.from(answerTo(asked));
        await pause(2);
        yield Buffer.from(`${'.'.repeat(70_000)}sealed`);
      };
      return { status: 200, body: pieces };
    },
  },
};

const webStream = (body) => (typeof body === 'string' ? body : Readable.toWeb(Readable.from(body())));
const isMood = (error) => error instanceof TypeError && error.message === 'moody';

/** @returns a listener for `node:http` */
export const frameworks = {
  hono({ vendor, ran, report }) {
    const app = new Hono();
    app.use(onHono.endpoints(vendor));
    for (const [path, { answer, ...route }] of Object.entries(routes)) {
      app.on(['GET', 'POST'], path, onHono.paid(vendor, route), async (c) => {
        const { pathname, search } = new URL(c.req.url);
        const asked = { method: c.req.method, url: pathname + search, payment: c.var.payment };
        ran(asked);
        const { status, body } = await answer({ ...asked, body: Buffer.from(await c.req.arrayBuffer()) });
        return c.body(webStream(body), status);
      });
    }
    app.onError((error, c) => {
      if (!isMood(error)) report(error);
      return c.text('not today', 500);
    });
    return getRequestListener(app.fetch);
  },

  express({ vendor, ran, report }) {
    const app = express();
    app.use(onExpress.endpoints(vendor));
    for (const [path, { answer, ...route }] of Object.entries(routes)) {
      app.all(path, onExpress.paid(vendor, route), express.raw({ type: () => true }), async (req, res) => {
        const asked = { method: req.method, url: req.originalUrl, payment: res.locals.payment };
        ran(asked);
        const { status, body } = await answer({ ...asked, body: req.body ?? '' });
        res.status(status);
        if (typeof body === 'string') res.send(body);
        else Readable.from(body()).pipe(res);
      });
    }
    app.use((error, _req, res, next) => {
      if (!isMood(error)) report(error);
      if (res.headersSent) next(error);
      else res.status(500).send('not today');
    });
    return app;
  },

  async fastify({ vendor, ran, report }) {
    const app = fastify();
    await app.register(onFastify.endpoints(vendor));
    app.removeAllContentTypeParsers();
    app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
    for (const [url, { answer, ...route }] of Object.entries(routes)) {
      app.route({
        method: ['GET', 'POST'],
        url,
        onRequest: onFastify.paid(vendor, route),
        async handler(request, reply) {
          const asked = { method: request.method, url: request.url, payment: request.payment };
          ran(asked);
          const { status, body } = await answer({ ...asked, body: request.body ?? '' });
          return reply.code(status).send(typeof body === 'string' ? body : Readable.from(body()));
        },
      });
    }
    app.setErrorHandler((error, _request, reply) => {
      if (!isMood(error)) report(error);
      return reply.code(500).send('not today');
    });
    await app.ready();
    return app.routing;
  },

  fetch({ vendor, ran, report }) {
    const own = createFetchHandler(vendor);
    const paid = new Map(
      Object.entries(routes).map(([path, { answer, ...route }]) => [
        path,
        createPaidHandler(vendor.gate(route), async (request, payment) => {
          const { pathname, search } = new URL(request.url);
          const asked = { method: request.method, url: pathname + search, payment };
          ran(asked);
          try {
            const { status, body } = await answer({
              ...asked,
              body: Buffer.from(await request.arrayBuffer()),
            });
            return new Response(webStream(body), { status });
          } catch (error) {
            if (!isMood(error)) throw error;
            return new Response('not today', { status: 500 });
          }
        }),
      ]),
    );
    return getRequestListener(async (request) => {
      const handler = paid.get(new URL(request.url).pathname);
      try {
        return (await (handler ?? own)(request)) ?? new Response(null, { status: 404 });
      } catch (error) {
        report(error);
        return new Response(null, { status: 500 });
      }
    });
  },
};
