/**
 * Sealing and opening (RFC 8188) against the bare AES-GCM of the platform on records of the same size, in turns, so that both
 * see the same machine. The ratios of wall time and of CPU time are to be quoted; a busy machine shows in the first only.
 */
import { pathToFileURL } from 'node:url';
import { openSealedBody, sealBody } from 'impuls';

const recordBytes = 65_536;
const key = new Uint8Array(32).fill(1);
const salt = new Uint8Array(16).fill(2);
const aes = await crypto.subtle.importKey('raw', new Uint8Array(16), 'AES-GCM', false, [
  'encrypt',
  'decrypt',
]);
const algorithm = { name: 'AES-GCM', iv: new Uint8Array(12) };
const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];

async function* repeat(chunk, times) {
  for (let i = 0; i < times; i++) yield chunk;
}

async function* inOrder(chunks) {
  yield* chunks;
}

/** Seconds of wall and of CPU for what it does. */
async function timed(work) {
  const cpu = process.cpuUsage();
  const start = process.hrtime.bigint();
  await work();
  const { user, system } = process.cpuUsage(cpu);
  return { wall: Number(process.hrtime.bigint() - start) / 1e9, cpu: (user + system) / 1e6 };
}

async function drain(source) {
  for await (const chunk of source) if (chunk.length === 0) throw new Error('an empty chunk');
}

export async function run({ quick = false } = {}) {
  const records = 400;
  const rounds = quick ? 10 : 60;
  const content = new Uint8Array(recordBytes - 17).fill(3);
  const plaintext = new Uint8Array(recordBytes - 16).fill(3);
  // As many as there are records, so that neither side finds them in the caches of the processor.
  const ciphertexts = [];
  for (let i = 0; i < records; i++)
    ciphertexts.push(new Uint8Array(await crypto.subtle.encrypt(algorithm, aes, plaintext)));
  const sealed = [];
  for await (const chunk of sealBody(key, repeat(content, records), { salt })) sealed.push(chunk);
  const tasks = {
    rawSeal: async () => {
      for (let i = 0; i < records; i++) await crypto.subtle.encrypt(algorithm, aes, plaintext);
    },
    seal: () => drain(sealBody(key, repeat(content, records), { salt })),
    rawOpen: async () => {
      for (const ciphertext of ciphertexts) await crypto.subtle.decrypt(algorithm, aes, ciphertext);
    },
    open: () => drain(openSealedBody(key, inOrder(sealed))),
  };
  const times = { rawSeal: [], seal: [], rawOpen: [], open: [] };
  for (let round = 0; round <= rounds; round++) {
    for (const [name, task] of Object.entries(tasks)) {
      const time = await timed(task);
      if (round > 0) times[name].push(time);
    }
  }
  const speed = (name) =>
    Math.round((records * content.length) / 1e6 / median(times[name].map(({ wall }) => wall)));
  const ratio = (raw, ours, by) =>
    Number(median(times[ours].map((time, i) => times[raw][i][by] / time[by])).toFixed(2));
  return {
    recordBytes,
    rawSealMBPerSecond: speed('rawSeal'),
    sealMBPerSecond: speed('seal'),
    sealOverRaw: ratio('rawSeal', 'seal', 'wall'),
    sealOverRawByCpu: ratio('rawSeal', 'seal', 'cpu'),
    rawOpenMBPerSecond: speed('rawOpen'),
    openMBPerSecond: speed('open'),
    openOverRaw: ratio('rawOpen', 'open', 'wall'),
    openOverRawByCpu: ratio('rawOpen', 'open', 'cpu'),
  };
}

if (import.meta.url === pathToFileURL(process.argv[1]).href)
  console.log(await run({ quick: process.argv.includes('--quick') }));
