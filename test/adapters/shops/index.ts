import type { Serve } from '../shop.js';
import { serveExpress } from './express.js';
import { serveFastify } from './fastify.js';
import { serveFetch } from './fetch.js';
import { serveHono } from './hono.js';
import { serveNext } from './next.js';
import { serveNode } from './node.js';

export const shops: ReadonlyArray<{ readonly name: string; readonly serve: Serve }> = [
  { name: 'Hono', serve: serveHono },
  { name: 'Express', serve: serveExpress },
  { name: 'Fastify', serve: serveFastify },
  { name: 'Next.js', serve: serveNext },
  { name: 'Fetch', serve: serveFetch },
  { name: 'node:http', serve: serveNode },
];
