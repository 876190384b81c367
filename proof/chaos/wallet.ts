import { join } from 'node:path';
import { createPayingFetch, openWallet, paymentOf, type Wallet } from '../../src/client/index.js';
import { isImpulsError } from '../../src/core/errors.js';
import { openFileStorage } from '../../src/node/file-storage.js';
import { createChoices } from '../../src/testing/suite.js';
import { answerTo, chooseRequest, type Request as Wanted } from './calls.js';
import { answerQuestions, reasonOf, tell } from './talk.js';

/** Some wallets in files of their own, which pay at a bounded rate and tell of all that they are answered. */
export interface WalletSettings {
  /** Wallets of other processes have other names. */
  readonly names: readonly string[];
  readonly folder: string;
  /** The vendor's. */
  readonly origin: string;
  /** Where its TLS would end, `http://host:port`: one balancer, or vendors that are asked in turn. */
  readonly via: readonly string[];
  /** `to-all`: what pays goes to all of them at once, and of the answers that come the best one counts. Default: to one. */
  readonly delivery?: 'to-all';
  /** Payments a second, of each wallet. */
  readonly rate: number;
  readonly seed: number;
}

/** How a request ended. `answered`: with what it asks for. `failed`: nobody knows what to say but that. `wrong`: with something else. */
export interface Ended extends Wanted {
  readonly event: 'answered' | 'failed' | 'wrong';
  readonly wallet: string;
  /** Unix milliseconds. */
  readonly begun: number;
  readonly at: number;
  readonly reference?: string | undefined;
  readonly reason?: string;
}

export interface Paid {
  readonly event: 'paid';
  readonly wallet: string;
  readonly target: string;
  readonly units: number;
  readonly reference: string;
  readonly card: string;
  readonly protocol: 'chain' | 'stream';
  readonly end: number;
  readonly verdict: string;
}

/** What a wallet has in the end. */
export interface WalletBooks {
  readonly wallet: string;
  readonly cards: readonly {
    readonly id: string;
    readonly units: number;
    readonly left: number;
    readonly reserved: number;
  }[];
  readonly payments: readonly Paid[];
}

const settings = JSON.parse(process.argv[2]!) as WalletSettings;
const { names, folder, origin, via, rate, seed } = settings;
const protocols = ['chain', 'stream'] as const;
/** Of one wallet; what comes due beyond is left out. */
const maxInFlight = 8;
const choices = createChoices(seed);
const wallets = new Map<string, Wallet>();
for (const name of names) {
  wallets.set(
    name,
    await openWallet({
      storage: await openFileStorage(join(folder, `${name}.wallet`)),
      fetch: carry,
      sleep: (milliseconds) => pause(Math.min(milliseconds, 500)),
    }),
  );
}

let turn = 0;

function carry(input: string | URL | Request, init?: RequestInit): Promise<Response> {
  const url = input instanceof Request ? input.url : input.toString();
  const send = (place: string): Promise<Response> => fetch(url.replace(origin, place), init);
  if (settings.delivery === 'to-all' && new Headers(init?.headers).has('Authorization')) {
    return bestOf(via.map(send));
  }
  return send(via[turn++ % via.length]!);
}

/** The first answer that is good, else any that came. */
async function bestOf(sent: readonly Promise<Response>[]): Promise<Response> {
  const good = sent.map(async (answer) => {
    const response = await answer;
    if (!response.ok) throw new TypeError('refused');
    return response;
  });
  return Promise.any(good).catch(() => Promise.any(sent));
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

function describe(
  wallet: string,
  payment: Omit<Paid, 'event' | 'wallet' | 'target'> & { url: string },
): Paid {
  const { url, units, reference, card, protocol, end, verdict } = payment;
  const target = url.slice(origin.length);
  return { event: 'paid', wallet, target, units, reference, card, protocol, end, verdict };
}

const working = new Set<Promise<void>>();
let isOn = false;

/** Begins a request whenever one is due, until it is told to end. */
async function pay(name: string, wallet: Wallet): Promise<void> {
  const payers = protocols.map((protocol) =>
    createPayingFetch({
      wallet,
      protocol,
      limits: { perRequest: 3, total: 1_000_000_000 },
      retry: { attempts: 150, baseDelayMs: 50 },
      onPayment: (payment) => tell(describe(name, payment)),
    }),
  );
  let inFlight = 0;
  for (let number = 0; isOn; number++) {
    await pause(1000 / rate);
    if (inFlight >= maxInFlight) continue;
    inFlight++;
    const request = chooseRequest(choices, `${name}-${number}`);
    const work = make(name, payers[number % 2]!, request)
      .then(tell)
      .finally(() => {
        inFlight--;
        working.delete(work);
      });
    working.add(work);
  }
}

async function make(
  wallet: string,
  payer: ReturnType<typeof createPayingFetch>,
  request: Wanted,
): Promise<Ended> {
  const { method, target } = request;
  const begun = Date.now();
  const end = (event: Ended['event'], more: Pick<Ended, 'reference' | 'reason'> = {}): Ended => ({
    event,
    wallet,
    ...request,
    begun,
    at: Date.now(),
    ...more,
  });
  for (;;) {
    try {
      const response = await payer(origin + target, { method });
      const reference = paymentOf(response)?.reference;
      const text = await response.text();
      if (reference === undefined && response.status >= 500) throw new TypeError('no price is told');
      return text === answerTo(request, reference ?? '') && reference !== undefined
        ? end('answered', { reference })
        : end('wrong', { reference, reason: `${response.status} ${text.slice(0, 200)}` });
    } catch (error) {
      // The price could not be asked for, or the answer broke off: `isUnpaid` tells them apart.
      if (!isUnpaid(error) || Date.now() - begun > 60_000) return end('failed', { reason: reasonOf(error) });
      await pause(100);
    }
  }
}

/** Whether nothing was claimed. */
function isUnpaid(error: unknown): boolean {
  return isImpulsError(error) ? error.code === 'network' : error instanceof TypeError && !isTorn(error);
}

/** The body of an answer broke off. */
function isTorn(error: TypeError): boolean {
  return error.message === 'terminated';
}

async function redeem(codes: Readonly<Record<string, readonly string[]>>): Promise<void> {
  for (const [name, wallet] of wallets) {
    for (const [i, protocol] of protocols.entries()) {
      await wallet.redeem(origin, codes[name]![i]!, { protocol });
    }
  }
}

await answerQuestions({
  redeem,
  begin() {
    isOn = true;
    for (const [name, wallet] of wallets) {
      const loop = pay(name, wallet).finally(() => working.delete(loop));
      working.add(loop);
    }
  },
  async end() {
    isOn = false;
    while (working.size > 0) await Promise.all(working);
  },
  /** @returns how many claims nobody could say the fate of */
  async recover() {
    let unknown = 0;
    for (const wallet of wallets.values()) {
      const { claims } = await wallet.recover();
      unknown += claims.filter(({ result }) => result === 'unknown').length;
    }
    return unknown;
  },
  books: () =>
    [...wallets].map(([wallet, opened]): WalletBooks => ({
      wallet,
      cards: opened.cards().map(({ id, units, left, reserved }) => ({ id, units, left, reserved })),
      payments: opened.history().map((payment) => describe(wallet, payment)),
    })),
});
await Promise.all([...wallets.values()].map((wallet) => wallet.close()));
