import { fork, type ChildProcess } from 'node:child_process';
import { Agent, request } from 'node:http';
import { mkdtemp, rm } from 'node:fs/promises';
import { once } from 'node:events';
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KeyDocument } from '../../src/core/key-document.js';
import type { LoadGauge } from '../../src/server/index.js';
import { toBase64url } from '../../src/core/base64url.js';
import { activationOf, buyCard, challengesOf, claimOf, type HandCard } from '../../test/support/card.js';
import { denomination } from './site.js';

/**
 * Ten times as many strangers as honest payers, each as fast as the vendor answers: those who pay nothing, claims of cards that are not
 * there, activations that do not open. What becomes of the honest, and of the vendor's memory.
 */

export interface OverloadOptions {
  /** Honest connections. */
  readonly honest: number;
  readonly seconds: number;
  readonly onProgress?: ((phase: string) => void) | undefined;
}

export interface Phase {
  readonly phase: string;
  /** Connections beside the honest ones. */
  readonly strangers: number;
  readonly served: number;
  readonly refused: number;
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  /** What strangers heard, by status. */
  readonly heard: Readonly<Record<string, number>>;
  /** Bytes of memory of the vendor at the end. */
  readonly rss: number;
}

export interface OverloadResult {
  readonly phases: readonly Phase[];
  readonly shed: LoadGauge['shed'];
  readonly broken: readonly string[];
}

interface Ready {
  readonly origin: string;
  readonly codes: readonly string[];
  readonly document: KeyDocument;
  readonly digest: string;
}

interface Usage {
  readonly rss: number;
  readonly load: LoadGauge;
}

type Answer = { readonly status: number; readonly retryAfter: string | undefined };

async function tell<T>(child: ChildProcess, message: string): Promise<T> {
  const answer = once(child, 'message');
  child.send(message);
  const [told] = (await answer) as [T];
  return told;
}

export async function runOverload({ honest, seconds, onProgress }: OverloadOptions): Promise<OverloadResult> {
  const folder = await mkdtemp(join(tmpdir(), 'impuls-overload-'));
  const child = fork(process.argv[1]!, ['--serve', join(folder, 'ledger.db')], {
    execArgv: ['--enable-source-maps'],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  try {
    const [ready] = (await once(child, 'message')) as [Ready];
    return await measure(child, ready, honest, seconds, onProgress);
  } finally {
    child.kill('SIGKILL');
    await rm(folder, { recursive: true, force: true });
  }
}

async function measure(
  child: ChildProcess,
  ready: Ready,
  honest: number,
  seconds: number,
  onProgress: OverloadOptions['onProgress'],
): Promise<OverloadResult> {
  const { origin, document, digest } = ready;
  const post = (path: string, body: unknown): Promise<Response> =>
    fetch(origin + path, { method: 'POST', body: JSON.stringify(body) });
  const hands: HandCard[] = [];
  for (const code of ready.codes.slice(0, honest)) {
    const hand = await buyCard(post, document, code, { protocol: 'chain' }, denomination);
    await (await post('/impuls/activate', await activationOf(hand, digest))).text();
    hands.push(hand);
  }
  const challenge = challengesOf(await fetch(`${origin}/paid`))[0]!;
  const ends = hands.map(() => 0);
  const claim = (i: number): string => {
    const end = ++ends[i]!;
    return claimOf(hands[i]!, challenge, { target: '/paid' }, { end, units: 1 }).authorization;
  };
  const forged = JSON.stringify(
    await activationOf({ ...hands[0]!, signature: randomBytes(384).fill(0, 0, 1) }, digest),
  );
  const unknown = claimOf(
    { ...hands[0]!, card: { ...hands[0]!.card, id: toBase64url(randomBytes(16)) } },
    challenge,
    { target: '/paid' },
    { end: 1, units: 1 },
  ).authorization;
  const floods: Record<string, (agent: Agent) => Promise<Answer>> = {
    'calls that pay nothing': (agent) => send(origin, agent, 'GET', '/paid'),
    'claims of unknown cards': (agent) => send(origin, agent, 'GET', '/paid', unknown),
    'activations that do not hold': (agent) =>
      send(origin, agent, 'POST', '/impuls/activate', undefined, forged),
  };
  const kinds = Object.values(floods);

  const broken: string[] = [];
  let accepted = 0;
  async function phase(name: string, strangers: number): Promise<Phase> {
    onProgress?.(name);
    const agent = new Agent({ keepAlive: true, maxSockets: Infinity });
    const until = performance.now() + seconds * 1000;
    const latencies: number[] = [];
    const heard: Record<string, number> = {};
    let refused = 0;
    const pay = async (i: number): Promise<void> => {
      while (performance.now() < until && ends[i]! < denomination) {
        const authorization = claim(i);
        const began = performance.now();
        for (;;) {
          const { status } = await send(origin, agent, 'GET', '/paid', authorization);
          if (status === 200) break;
          refused++;
          if (status !== 503) broken.push(`${name}: an honest claim was answered ${status}`);
          if (status !== 503 || performance.now() > until + 5000) return;
          await new Promise((resolve) => setTimeout(resolve, 1000));
        }
        accepted++;
        latencies.push(performance.now() - began);
      }
    };
    const flood = async (i: number): Promise<void> => {
      while (performance.now() < until) {
        const { status, retryAfter } = await kinds[i % kinds.length]!(agent);
        heard[status] = (heard[status] ?? 0) + 1;
        if (status === 503 && retryAfter === undefined) broken.push(`${name}: 503 without Retry-After`);
      }
    };
    await Promise.all([
      ...hands.map((_, i) => pay(i)),
      ...Array.from({ length: strangers }, (_, i) => flood(i)),
    ]);
    agent.destroy();
    latencies.sort((a, b) => a - b);
    const at = (share: number): number => latencies[Math.floor(latencies.length * share)] ?? NaN;
    const { rss } = await tell<Usage>(child, 'usage');
    const served = latencies.length;
    return {
      phase: name,
      strangers,
      served,
      refused,
      perSecond: served / seconds,
      p50: at(0.5),
      p99: at(0.99),
      heard,
      rss,
    };
  }

  const phases = [
    await phase('honest alone', 0),
    await phase('with ten times as many strangers', honest * 10),
    await phase('honest alone again', 0),
  ];
  const { load } = await tell<Usage>(child, 'usage');
  const { spent } = await tell<{ spent: number }>(child, 'close');
  if (spent !== accepted) broken.push(`the books say ${spent} units, the payers ${accepted}`);
  if (phases[1]!.served === 0) broken.push('no honest claim was served under the flood');
  const growth = phases[1]!.rss - phases[0]!.rss;
  if (growth > 256 << 20) broken.push(`memory grew by ${Math.round(growth / 2 ** 20)} MiB`);
  return { phases, shed: load.shed, broken };
}

function send(
  origin: string,
  agent: Agent,
  method: string,
  path: string,
  authorization?: string,
  body?: string,
): Promise<Answer> {
  return new Promise((resolve) => {
    const headers = {
      ...(authorization && { authorization }),
      ...(body && { 'content-length': body.length }),
    };
    const req = request(origin + path, { agent, method, headers }, (res) => {
      res.resume().on('end', () => {
        resolve({ status: res.statusCode ?? 0, retryAfter: res.headers['retry-after'] });
      });
    });
    req.on('error', () => resolve({ status: 0, retryAfter: undefined })).end(body);
  });
}
