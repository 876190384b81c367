// Runs the Worker on this machine, as workerd does it: node dev.mjs [port]. It makes a vendor in the folder `shop` if there is none.
import { existsSync, readFileSync } from 'node:fs';
import { initVendorFolder } from 'impuls/server/node';
import { Miniflare } from 'miniflare';
import { rolldown } from 'rolldown';

const port = Number(process.argv[2] ?? 4230);
const origin = `http://127.0.0.1:${port}`;
if (!existsSync('shop')) {
  await initVendorFolder('shop', {
    origin,
    name: 'Tides',
    unit: { code: 'unit', currency: 'USD', value: '0.001' },
    mode: 'test',
    listen: { host: '127.0.0.1', port },
    routes: [],
    denominations: [100],
  });
}

const bundle = await rolldown({
  input: 'worker.mjs',
  platform: 'neutral',
  external: /^cloudflare:/,
});
const { output } = await bundle.generate({ format: 'esm', codeSplitting: false });
const worker = new Miniflare({
  modules: true,
  script: output[0].code,
  compatibilityDate: '2026-04-01',
  host: '127.0.0.1',
  port,
  bindings: {
    IMPULS_DOCUMENT: readFileSync('shop/document.json', 'utf8'),
    IMPULS_KEYS: readFileSync('shop/keys.json', 'utf8'),
    ADMIN_TOKEN: process.env.ADMIN_TOKEN ?? 'for this machine only',
  },
  durableObjects: { LEDGER: { className: 'Ledger', useSQLite: true } },
  durableObjectsPersist: 'shop/objects',
  cf: false,
});
await worker.ready;
console.log(`${origin} sells; Ctrl+C stops it`);
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => worker.dispose());
