/**
 * The proxy with payment over the same proxy without: 1 KiB of JSON from an upstream in a process of its own, 64 connections, every
 * payment durable in SQLite before it is passed on.
 */
import { fork } from 'node:child_process';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { loadServer } from './load.mjs';

export async function run({ quick = false, protocol = 'stream', clients = 64 } = {}) {
  const upstream = fork(fileURLToPath(new URL('proxy-upstream.mjs', import.meta.url)));
  try {
    const { ready: port } = await new Promise((resolve) => upstream.once('message', resolve));
    const load = { protocol, clients, claims: quick ? 100 : 400, rounds: quick ? 3 : 5 };
    return await loadServer(load, String(port));
  } finally {
    upstream.disconnect();
  }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  console.log(await run({ quick: process.argv.includes('--quick') }));
}
