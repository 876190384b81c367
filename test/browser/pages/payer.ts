import { createMemoryStorage, createPayingFetch, openWallet } from 'impuls/client';

/** A page of any origin that buys a card of a vendor elsewhere, and calls its API. */
interface Answer {
  readonly status: number;
  readonly text: string;
  readonly left: number;
}

async function payAll(
  origin: string,
  code: string,
  calls: readonly (readonly [string, string])[],
): Promise<Answer[]> {
  const wallet = await openWallet({ storage: createMemoryStorage() });
  await wallet.redeem(origin, code, { protocol: 'stream' });
  const pay = createPayingFetch({ wallet, limits: { perRequest: 10, total: 100 } });
  const answers: Answer[] = [];
  for (const [method, path] of calls) {
    const body = method === 'POST' ? JSON.stringify({ item: 'bread' }) : undefined;
    const response = await pay(origin + path, {
      method,
      ...(body !== undefined && { body, headers: { 'Content-Type': 'application/json' } }),
    });
    const text = await response.text();
    answers.push({ status: response.status, text, left: wallet.cards()[0]!.left });
  }
  await wallet.close();
  return answers;
}

Object.assign(globalThis, { payAll });
document.title = 'ready';
