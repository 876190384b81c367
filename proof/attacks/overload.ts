import { fork, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { once } from 'node:events';
import { randomBytes } from 'node:crypto';
import { setPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KeyDocument } from '../../src/core/key-document.js';
import type { Challenge } from '../../src/core/wire/index.js';
import type { LoadGauge } from '../../src/server/index.js';
import { toBase64url } from '../../src/core/base64url.js';
import { activationOf, buyCard, challengesOf, claimOf, type HandCard } from '../../test/support/card.js';
import { openLine, requestText, type Line } from './line.js';
import type { Flood, FloodOrder, FloodReport, Heard } from './overload-strangers.js';
import { denominations } from './overload-vendor.js';

/**
 * What becomes of honest payers while strangers ask for ten times what the vendor serves, on 1,100 connections; and while there are
 * so many payers that claims themselves are refused. The vendor, the strangers and the payers are three processes.
 */

export interface OverloadOptions {
  /** Payers who are there all the time, each on a connection of its own. */
  readonly honest: number;
  /** Payers of the last phase but one, likewise. */
  readonly crowd: number;
  /** Of each phase. */
  readonly seconds: number;
  readonly onProgress?: ((phase: string) => void) | undefined;
}

export interface Phase {
  readonly phase: string;
  readonly payers: number;
  /** Honest claims that were answered 200. */
  readonly served: number;
  readonly perSecond: number;
  /** Milliseconds from the first try of a claim to its answer. */
  readonly p50: number;
  readonly p99: number;
  /** Answers 503 to honest claims, which came again. */
  readonly refused: number;
  /** Honest claims whose connection was closed before the answer, and which came again. */
  readonly dropped: number;
  /** What the others heard, by what they did. */
  readonly strangers: FloodReport;
  /** Bytes of memory of the vendor at the peak. */
  readonly rss: number;
  /** Of one core. */
  readonly vendorCpu: number;
}

export interface OverloadResult {
  readonly phases: readonly Phase[];
  readonly shed: LoadGauge['shed'];
  /** Units by the books of the vendor, and by those of the payers. */
  readonly books: { readonly vendor: number; readonly payers: number };
  readonly bounds: typeof bounds;
  readonly broken: readonly string[];
}

/** What has to hold. */
export const bounds = {
  /** Requests of strangers to honest claims served without them. */
  timesOffered: 10,
  /** Of what honest payers are served when they are alone. */
  honestShare: 0.3,
  /** Bytes of memory of the vendor, in any phase. */
  rss: 512 << 20,
};

interface Ready {
  readonly port: number;
  readonly codes: readonly (readonly string[])[];
  readonly document: KeyDocument;
  readonly digest: string;
}

interface Usage {
  readonly peak: number;
  readonly cpuSeconds: number;
  readonly load: LoadGauge;
}

interface Payer {
  readonly hand: HandCard;
  end: number;
  readonly units: number;
}

const retryMs = 1000;
/** How long a claim is sent again after its phase has ended. */
const graceMs = 30_000;

function start(...args: string[]): ChildProcess {
  return fork(process.argv[1]!, args, {
    execArgv: ['--enable-source-maps'],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
}

async function tell<T>(child: ChildProcess, message: string | object): Promise<T> {
  const answer = once(child, 'message');
  child.send(message);
  const [told] = (await answer) as [T];
  return told;
}

export async function runOverload(options: OverloadOptions): Promise<OverloadResult> {
  const { honest, crowd, onProgress } = options;
  const folder = await mkdtemp(join(tmpdir(), 'impuls-overload-'));
  onProgress?.('making cards');
  const vendor = start('--serve', join(folder, 'ledger.db'), '--cards', `${honest + 1},${crowd}`);
  const strangers = start('--flood');
  // They have machines of their own. On this one they get what the vendor and the payers leave: it is the vendor that is to be overloaded.
  setPriority(strangers.pid!, 10);
  try {
    const [[ready]] = (await Promise.all([once(vendor, 'message'), once(strangers, 'message')])) as [
      [Ready],
      unknown,
    ];
    return await measure(vendor, strangers, ready, options);
  } finally {
    vendor.kill('SIGKILL');
    strangers.kill('SIGKILL');
    await rm(folder, { recursive: true, force: true });
  }
}

async function measure(
  vendor: ChildProcess,
  strangers: ChildProcess,
  { port, codes, document, digest }: Ready,
  { honest, seconds, onProgress }: OverloadOptions,
): Promise<OverloadResult> {
  const { origin } = document;
  const post = (path: string, body: unknown): Promise<Response> =>
    fetch(origin + path, { method: 'POST', body: JSON.stringify(body) });
  const buy = async (code: string, units: number): Promise<Payer> => {
    const hand = await buyCard(post, document, code, { protocol: 'chain' }, units);
    await (await post('/impuls/activate', await activationOf(hand, digest))).text();
    return { hand, end: 0, units };
  };
  const buyAll = async (some: readonly string[], units: number): Promise<Payer[]> => {
    const bought: Payer[] = [];
    // Few at a time: more would be refused.
    for (let i = 0; i < some.length; i += 16) {
      bought.push(...(await Promise.all(some.slice(i, i + 16).map((code) => buy(code, units)))));
    }
    return bought;
  };
  const [stranger, ...payers] = await buyAll(codes[0]!, denominations[0]);
  const crowd = await buyAll(codes[1]!, denominations[1]);
  const challenge = challengesOf(await fetch(`${origin}/paid`))[0]!;
  const floods = await floodsOf(stranger!.hand, challenge, digest);
  await tell<Usage>(vendor, 'usage');

  const broken: string[] = [];
  let accepted = 0;
  async function phase(name: string, paying: readonly Payer[], perSecond: number): Promise<Phase> {
    onProgress?.(name);
    const order: FloodOrder = { port, floods, perSecond, seconds };
    const flooding = perSecond > 0 ? tell<FloodReport>(strangers, order) : undefined;
    const until = performance.now() + seconds * 1000;
    const told = { latencies: [] as number[], inTime: 0, refused: 0, dropped: 0 };
    await Promise.all(
      paying.map((payer) =>
        pay(port, challenge, payer, until, told, (what) => broken.push(`${name}: ${what}`)),
      ),
    );
    const { peak, cpuSeconds } = await tell<Usage>(vendor, 'usage');
    const took = performance.now() - until + seconds * 1000;
    accepted += told.latencies.length;
    const latencies = told.latencies.sort((a, b) => a - b);
    const at = (share: number): number => latencies[Math.floor(latencies.length * share)] ?? NaN;
    return {
      phase: name,
      payers: paying.length,
      served: told.inTime,
      perSecond: told.inTime / seconds,
      p50: at(0.5),
      p99: at(0.99),
      refused: told.refused,
      dropped: told.dropped,
      strangers: (await flooding) ?? {},
      rss: peak,
      vendorCpu: cpuSeconds / (took / 1000),
    };
  }

  await phase('warming up', payers, 0);
  const alone = await phase(`${honest} payers alone`, payers, 0);
  const flooded = await phase('with the strangers', payers, alone.perSecond * bounds.timesOffered);
  const crowded = await phase(`${crowd.length} payers`, crowd, 0);
  const phases = [alone, flooded, crowded, await phase(`${honest} payers alone again`, payers, 0)];
  const { load } = await tell<Usage>(vendor, 'usage');
  const { spent } = await tell<{ spent: number }>(vendor, 'close');
  const books = { vendor: spent, payers: accepted };
  broken.push(...judge(phases, load.shed, books));
  return { phases, shed: load.shed, books, bounds, broken };
}

interface Told {
  readonly latencies: number[];
  /** Answers before the end of the phase. */
  inTime: number;
  refused: number;
  dropped: number;
}

/** Pays a unit after the other until the phase ends. What is refused, or breaks off, is sent again as it was. */
async function pay(
  port: number,
  challenge: Challenge,
  payer: Payer,
  until: number,
  told: Told,
  fail: (what: string) => void,
): Promise<void> {
  let hear: (status: number) => void = () => {};
  const dial = (): Line =>
    openLine(port, {
      onAnswer({ status, hasRetryAfter }) {
        if (status === 503 && !hasRetryAfter) fail('an honest claim was answered 503 without Retry-After');
        hear(status);
      },
      onClose: () => hear(0),
    });
  let line = dial();
  while (performance.now() < until && payer.end < payer.units) {
    const numbers = { end: ++payer.end, units: 1 };
    const { authorization } = claimOf(payer.hand, challenge, { target: '/paid' }, numbers);
    const request = requestText('GET', '/paid', authorization);
    const began = performance.now();
    for (;;) {
      const answer = new Promise<number>((resolve) => (hear = resolve));
      line.send(request);
      const status = await answer;
      if (status === 200) break;
      if (status === 503) told.refused++;
      else if (status === 0) told.dropped++;
      if ((status !== 503 && status !== 0) || performance.now() > until + graceMs) {
        fail(`an honest claim was answered ${status}`);
        line.close();
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, retryMs));
      if (status === 0) line = dial();
    }
    const now = performance.now();
    told.latencies.push(now - began);
    if (now <= until) told.inTime++;
  }
  hear = () => {};
  line.close();
}

/** What the strangers do. The one card among them is real, and its tags are wrong. */
async function floodsOf(hand: HandCard, challenge: Challenge, digest: string): Promise<Flood[]> {
  const numbers = { end: 1, units: 1 };
  const claim = (by: HandCard, wrong = {}): string =>
    requestText('GET', '/paid', claimOf(by, challenge, { target: '/paid' }, numbers, wrong).authorization);
  const unknown = Array.from({ length: 64 }, () =>
    claim({ ...hand, card: { ...hand.card, id: toBase64url(randomBytes(16)) } }),
  );
  const wrong = Array.from({ length: 64 }, () => claim(hand, { tag: randomBytes(16) }));
  const forged = { ...hand, signature: randomBytes(384).fill(0, 0, 1) };
  const activations = await Promise.all(
    Array.from({ length: 8 }, async () =>
      requestText('POST', '/impuls/activate', undefined, JSON.stringify(await activationOf(forged, digest))),
    ),
  );
  const free = [requestText('GET', '/paid')];
  const slow = ['POST /impuls/activate HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 60000\r\n\r\n{'];
  const patienceMs = 3000;
  return [
    { name: 'pay nothing', connections: 300, depth: 1, share: 0.3, requests: free, patienceMs },
    { name: 'pay nothing, 16 at once', connections: 100, depth: 16, share: 0.2, requests: free, patienceMs },
    {
      name: 'pay nothing, and hang up',
      connections: 100,
      depth: 1,
      share: 0.1,
      requests: free,
      patienceMs: 100,
    },
    { name: 'unknown cards', connections: 250, depth: 1, share: 0.2, requests: unknown, patienceMs },
    { name: 'wrong tags', connections: 150, depth: 1, share: 0.1, requests: wrong, patienceMs },
    { name: 'forged activations', connections: 150, depth: 1, share: 0.1, requests: activations, patienceMs },
    {
      name: 'slow bodies',
      connections: 50,
      depth: 1,
      share: 0,
      requests: slow,
      trickles: true,
      patienceMs: 15_000,
    },
  ];
}

/** @returns what does not hold */
function judge(phases: readonly Phase[], shed: LoadGauge['shed'], books: OverloadResult['books']): string[] {
  const broken: string[] = [];
  const check = (holds: boolean, what: string): unknown => holds || broken.push(what);
  const [alone, flooded, crowded] = phases as readonly [Phase, Phase, Phase];
  check(books.vendor === books.payers, `the books say ${books.vendor} units, the payers ${books.payers}`);
  for (const { phase, rss } of phases) {
    check(rss <= bounds.rss, `${phase}: the vendor had ${Math.round(rss / 2 ** 20)} MiB`);
  }
  const share = flooded.perSecond / alone.perSecond;
  check(
    share >= bounds.honestShare,
    `under the flood ${(share * 100).toFixed(0)} % of the honest claims were served`,
  );
  const all = sum(flooded.strangers);
  check(
    all.offered >= alone.served * bounds.timesOffered * 0.9,
    `the strangers asked only ${all.offered} times`,
  );
  check(all.withoutRetryAfter === 0, `${all.withoutRetryAfter} answers 503 had no Retry-After`);
  for (const [name, { statuses }] of Object.entries(flooded.strangers)) {
    const odd = Object.keys(statuses).filter((status) => !['400', '402', '408', '503'].includes(status));
    check(odd.length === 0, `those who ${name} heard ${odd.join()}`);
  }
  check(shed.strangers > 0, 'no stranger was refused');
  check(crowded.refused > 0, 'no claim was refused');
  return broken;
}

export function sum(report: FloodReport): Heard {
  const all: Heard = { offered: 0, sent: 0, statuses: {}, withoutRetryAfter: 0, hungUp: 0, dropped: 0 };
  for (const one of Object.values(report)) {
    all.offered += one.offered;
    all.sent += one.sent;
    all.withoutRetryAfter += one.withoutRetryAfter;
    all.hungUp += one.hungUp;
    all.dropped += one.dropped;
    for (const [status, count] of Object.entries(one.statuses)) {
      all.statuses[status] = (all.statuses[status] ?? 0) + count;
    }
  }
  return all;
}
