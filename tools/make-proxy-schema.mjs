/** Writes the JSON schema of price lists, which editors read, from the built package: `node tools/make-proxy-schema.mjs`. */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { makeProxySchema } from '../dist/node/proxying/config-schema.js';

const path = fileURLToPath(new URL('../schema/proxy.json', import.meta.url));
const text = JSON.stringify(makeProxySchema());
writeFileSync(path, await format(text, { ...(await resolveConfig(path)), filepath: path }));
