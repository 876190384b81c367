import {
  createMemoryStorage,
  createPayingFetch,
  openWallet,
  type PayingFetch,
  type Wallet,
} from '../../src/client/index.js';
import type { Choices } from '../../src/testing/suite.js';
import { Mortal } from '../support/mortal.js';
import type { VendorLife } from './vendor-life.js';

/** What the network does to one request. */
export type Trouble = 'lost request' | 'lost answer' | 'twice';

/** Somebody with a wallet, whose process dies now and then, and whose network is bad now and then. */
export class Person {
  readonly #vendor: VendorLife;
  readonly #choices: Choices;
  readonly #heard: (request: Request) => void;
  #records = new Map<string, string>();
  #mortal: Mortal | undefined;
  /** What befalls each of the next requests; calm when it is over. */
  troubles: (Trouble | undefined)[] = [];
  wallet!: Wallet;
  pay!: PayingFetch;

  /** @param heard is told of every request that the vendor gets */
  constructor(vendor: VendorLife, choices: Choices, heard: (request: Request) => void) {
    this.#vendor = vendor;
    this.#choices = choices;
    this.#heard = heard;
  }

  /** The wallet in another process. */
  async open(): Promise<void> {
    let mortal: Mortal | undefined;
    const disk = createMemoryStorage(this.#records);
    const living = <T>(operation: () => Promise<T>): Promise<T> =>
      mortal ? mortal.run(operation) : operation();
    this.wallet = await openWallet({
      storage: {
        ...disk,
        write: (changes) =>
          living(async () => {
            if (!mortal?.dead) await disk.write(changes);
          }),
      },
      fetch: (input, init) => {
        init?.signal?.throwIfAborted();
        const request = new Request(input, init);
        return living(() => this.#send(request));
      },
      clock: this.#vendor.clock,
      random: (length) => this.#choices.bytes(length),
      sleep: async (_, signal) => signal?.throwIfAborted(),
    });
    this.pay = createPayingFetch({
      wallet: this.wallet,
      limits: { perRequest: 100, total: 1_000_000 },
      retry: { attempts: 3, baseDelayMs: 0 },
    });
    this.#setMortal = (next) => (mortal = next);
  }

  #setMortal: (mortal: Mortal | undefined) => void = () => {};

  /** @param operations on the disk and the network after which the wallet's process is killed */
  doom(operations: number): void {
    this.#mortal = new Mortal(operations);
    this.#setMortal(this.#mortal);
  }

  /** Calm from now on. Who was killed opens the wallet again. */
  async survive(): Promise<void> {
    this.troubles = [];
    if (this.#mortal?.dead) await this.open();
    else this.#setMortal(undefined);
    this.#mortal = undefined;
  }

  /** To another device, by a backup. What is open on the old one stays there. */
  async move(): Promise<void> {
    const text = await this.wallet.backup();
    await this.wallet.close();
    this.#records = new Map();
    await this.open();
    await this.wallet.restore(text);
  }

  /** All that is on the disk. @returns what puts it back: for a cheat, who has units that are spent */
  copy(): () => Promise<void> {
    const records = new Map(this.#records);
    return async () => {
      await this.wallet.close();
      this.#records = records;
      await this.open();
    };
  }

  async #send(request: Request): Promise<Response> {
    const trouble = this.troubles.shift();
    if (trouble === 'lost request') throw new TypeError('fetch failed');
    if (trouble === 'twice') await this.#arrive(request.clone());
    const response = await this.#arrive(request);
    if (trouble === 'lost answer') throw new TypeError('fetch failed');
    return response;
  }

  #arrive(request: Request): Promise<Response> {
    this.#heard(request);
    return this.#vendor.deliver(request);
  }
}
