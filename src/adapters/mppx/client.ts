import { Method, z } from 'mppx';
import { methodName } from '../../core/wire/index.js';
import { createBridge, type BridgeOptions } from '../bridge.js';

export type CardPayerOptions = BridgeOptions;

/**
 * Pays with the cards of a wallet where mppx asks for them. Both go to mppx, which sends two requests a payment:
 *
 *   Mppx.create({ methods: [payer.method], fetch: payer.fetch, polyfill: false })
 *
 * A lost answer is asked for again with the same claim, before mppx hears of it.
 */
export interface CardPayer {
  readonly method: CardClientMethod;
  readonly fetch: typeof fetch;
}

export type CardClientMethod = ReturnType<typeof createMethod>;

export function createCardPayer(options: CardPayerOptions): CardPayer {
  const bridge = createBridge(options);
  return { method: createMethod((id) => bridge.claim(id)), fetch: bridge.fetch };
}

function createMethod(claim: (id: string) => Promise<string>) {
  const method = Method.from({
    name: methodName,
    // A session challenge is the same on many answers, and says nothing of the request that it was for.
    intent: 'charge',
    schema: {
      credential: { payload: z.record(z.string(), z.unknown()) },
      request: z.record(z.string(), z.unknown()),
    },
  });
  return Method.toClient(method, { createCredential: ({ challenge }) => claim(challenge.id) });
}
