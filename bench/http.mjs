/**
 * Paid over free: the same `node:http` route with the gate and without, 64 connections, 1 KiB of JSON, every payment durable in
 * SQLite before it is answered.
 */
import { pathToFileURL } from 'node:url';
import { loadServer } from './load.mjs';

export const run = ({ quick = false, protocol = 'chain', clients = 64 } = {}) =>
  loadServer({ protocol, clients, claims: quick ? 150 : 600, rounds: quick ? 3 : 5 });

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  for (const protocol of ['chain', 'stream'])
    console.log(await run({ quick: process.argv.includes('--quick'), protocol }));
}
