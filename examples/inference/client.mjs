// The client of OpenAI, unmodified: its fetch pays, and tops up while the answer streams.
import OpenAI from 'openai';
import { createMemoryStorage, createPayingFetch, openWallet } from 'impuls/client';
import { createMeteredFetch } from 'impuls/client/metered';

const [origin, code] = process.argv.slice(2);
const wallet = await openWallet({ storage: createMemoryStorage() });
await wallet.redeem(origin, code, { protocol: 'chain' });
const pay = createPayingFetch({ wallet, limits: { perRequest: 20, total: 100 } });
const metered = createMeteredFetch(pay, { max: 50, step: 2 });

const client = new OpenAI({
  baseURL: `${origin}/v1`,
  apiKey: 'none',
  // A card needs no key: what pays takes the place of it.
  fetch: (url, init) => {
    const headers = new Headers(init.headers);
    headers.delete('Authorization');
    return metered(url, { ...init, headers });
  },
});

const messages = [{ role: 'user', content: process.argv[4] ?? 'to be or not to be' }];
const stream = await client.chat.completions.create({
  model: 'parrot',
  messages,
  max_completion_tokens: 60,
  stream: true,
});
for await (const { choices } of stream) process.stdout.write(choices[0]?.delta.content ?? '');
// What was claimed and not used is back in a moment.
while (wallet.cards().some(({ reserved }) => reserved > 0))
  await new Promise((resolve) => setTimeout(resolve, 10));
const [{ left }] = wallet.cards();
console.log(`\n${100 - left} units`);
await wallet.close();
