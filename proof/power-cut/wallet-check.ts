import { createPayingFetch, openWallet } from '../../src/client/index.js';
import { toBase64url } from '../../src/core/base64url.js';
import { isImpulsError } from '../../src/core/errors.js';
import { parseCredential } from '../../src/core/wire/credential.js';
import { openFileStorage } from '../../src/node/file-storage.js';
import { began, origin } from '../hostile/identity.js';

interface Sent {
  readonly card: string;
  readonly protocol: string;
  readonly end: number;
  readonly units: number;
  readonly tag: string;
}

/** What a wallet has shown to its vendor, from what its process told. */
export class WalletKnown {
  readonly #cards = new Set<string>();
  readonly #sent = new Map<string, Sent>();
  told = 0;

  hear(words: readonly string[]): void {
    const [word, first, protocol, end, units, tag] = words as [
      string,
      string,
      string,
      string,
      string,
      string,
    ];
    this.told++;
    if (word === 'card') this.#cards.add(first);
    else if (word === 'sent') {
      this.#sent.set(tag, { card: first, protocol, end: Number(end), units: Number(units), tag });
    } else if (word === 'freed') this.#sent.delete(first);
    else this.told--;
  }

  /**
   * Opens the wallet, recovers what is open, and pays again.
   *
   * @param answer what the vendor says; claims do not reach it
   * @returns what does not hold
   */
  async check(folder: string, answer: (request: Request) => Promise<Response>): Promise<string[]> {
    const wrong: string[] = [];
    const places = new Map<string, string>();
    let claims = 0;
    for (const sent of this.#sent.values()) for (const place of placesOf(sent)) places.set(place, sent.tag);
    const wallet = await openWallet({
      storage: await openFileStorage(`${folder}/purse/wallet`),
      clock: () => began * 1000,
      sleep: () => Promise.resolve(),
      fetch: async (input, init) => {
        const authorization = new Headers(init?.headers).get('authorization');
        if (authorization === null) return answer(new Request(input, init));
        claims++;
        const { card, protocol, end, units, tag } = parseCredential(authorization)!.payload;
        const sent = { card: toBase64url(card), protocol, end, units, tag: toBase64url(tag) };
        for (const place of placesOf(sent)) {
          const other = places.get(place);
          if (other !== undefined && other !== sent.tag) wrong.push(`place ${place} is claimed again`);
        }
        throw new TypeError('the network is gone');
      },
    });
    try {
      const cards = new Map(wallet.cards().map((card) => [card.id, card]));
      for (const id of this.#cards) {
        const card = cards.get(id);
        if (!card) {
          wrong.push(`card ${id} is lost`);
          continue;
        }
        const sent = [...this.#sent.values()].filter((one) => one.card === id);
        const units = sent.reduce((sum, one) => sum + one.units, 0);
        if (card.left > card.units - units) wrong.push(`card ${id} has units again that were sent`);
      }
      for (const protocol of ['chain', 'stream'] as const) {
        const limits = { perRequest: 10, total: 100 };
        const payer = createPayingFetch({ wallet, protocol, limits, retry: { attempts: 1 } });
        await payer(`${origin}/one?call=after-${protocol}`).catch((error: unknown) => {
          if (!isImpulsError(error)) throw error;
          if (!['unsettled', 'network', 'no-card'].includes(error.code))
            wrong.push(`a payment: ${error.message}`);
        });
      }
      if (this.#cards.size > 0 && claims === 0) wrong.push('it pays no more');
      await wallet.recover();
    } finally {
      await wallet.close();
    }
    return wrong;
  }
}

function placesOf({ card, protocol, end, units }: Sent): string[] {
  const first = protocol === 'chain' ? end - units + 1 : end;
  return Array.from({ length: end - first + 1 }, (_, i) => `${first + i} of ${card}`);
}
