import { toBase64url } from '../../src/core/base64url.js';
import { deriveKeys } from '../../src/core/card.js';
import { isImpulsError } from '../../src/core/errors.js';
import { formatKeyDocument, parseKeyDocument } from '../../src/core/key-document.js';
import { macState, reportState, type CardReport } from '../../src/core/receipt.js';
import {
  formatChallenge,
  formatState,
  parseChallenges,
  parseCredential,
  type StateVerdict,
} from '../../src/core/wire/index.js';
import type { Wallet } from '../../src/client/index.js';
import { createWorld, denomination, direct, origin, type World } from '../../test/client-fixture.js';
import type { Attack, Check, Tried } from './attack.js';

/** Attacks by a vendor, who has all keys of his own and of the cards that are active: against a real wallet. */

type VendorAttack = Attack<undefined>;

const price = 3;

interface Scene {
  readonly world: World;
  readonly wallet: Wallet;
  /** Calls once, as an application does. @returns the status, or the code of what it throws */
  readonly call: (path?: string, signal?: AbortSignal) => Promise<string>;
  /** Requests that had a claim. */
  readonly claims: Request[];
}

async function setScene(): Promise<Scene> {
  const handler = (): Response => new Response('paid');
  const world = await createWorld({ '/a': { price, handler }, '/b': { price, handler } });
  const wallet = await world.richWallet('chain');
  const claims: Request[] = [];
  const call = async (path = '/a', signal?: AbortSignal): Promise<string> => {
    try {
      const paying = world.paying(wallet, { limits: { perRequest: 20, total: 1000 } });
      const response = await paying(origin + path, signal && { signal });
      await response.arrayBuffer();
      return String(response.status);
    } catch (error) {
      return isImpulsError(error) ? error.code : error instanceof Error ? error.name : String(error);
    }
  };
  return { world, wallet, call, claims };
}

/** What becomes of every answer to a claim. @param lie @returns undefined: the true answer */
function lying(
  { world, claims }: Scene,
  lie: (request: Request, answer: () => Promise<Response>) => Promise<Response> | undefined,
): void {
  world.network = (request, deliver) => {
    if (!request.headers.has('authorization')) return deliver();
    claims.push(request);
    return lie(request, deliver) ?? deliver();
  };
}

/** A refusal that the wallet has to believe. */
async function proven(
  { world }: Scene,
  request: Request,
  verdict: StateVerdict,
  claimed: Partial<CardReport> = {},
  units = price,
): Promise<Response> {
  const { payload } = parseCredential(request.headers.get('authorization')!)!;
  const card = (await world.ledger.readCard(toBase64url(payload.card)))!;
  const report = { ...reportState(card.state, card.entry.expires), ...claimed };
  const mac = macState(deriveKeys(card.entry.master).state, verdict, payload.card, payload.tag, report);
  const asked = await world.vendor.gate({ price: units })({
    method: 'GET',
    target: '/a',
    header: () => undefined,
    body: () => Promise.resolve(new Uint8Array(0)),
  });
  const headers = new Headers(asked.status === 'refused' ? (asked.reply.headers as [string, string][]) : []);
  headers.set('Impuls-State', formatState({ verdict, ...report, mac }));
  headers.set('Date', new Date(world.time.ms).toUTCString());
  return new Response('{}', { status: 402, headers });
}

/** The vendor is honest again: what the wallet holds and what the books say is all that was bought. */
async function settle({ world, wallet, call }: Scene, check: Check, tries: number, lost = 0): Promise<Tried> {
  world.network = direct;
  const { claims } = await wallet.recover();
  check(
    claims.every(({ result }) => result !== 'unknown'),
    'claims are open',
  );
  for (const { id } of wallet.cards()) await wallet.refresh(id);
  const left = wallet.cards().reduce((sum, card) => sum + card.left, 0);
  const { spent } = await world.ledger.totals();
  check(left + spent === denomination, `${left} units are left and ${spent} spent`);
  check(spent <= lost, `${spent} units were charged where ${lost} may be`);
  if (left >= price) check((await call()) === '200', 'the wallet does not pay any more');
  return { tries, charged: 0 };
}

/** He shows this buyer another document once the card is bought, to know it again when it is activated. */
const ownDocument: VendorAttack = {
  name: 'a key document for one user',
  outcome: 'bad-document: no card is activated, nothing is paid',
  async run(_, check) {
    const scene = await setScene();
    const { world, call } = scene;
    const { document } = world.vendor;
    const own = { ...document, name: 'For You', activation: document.activation };
    const digest = toBase64url(parseKeyDocument(formatKeyDocument(document)).digest);
    const shown = [own, { ...own, previous: [digest], cards: [] }];
    for (const one of shown) {
      world.network = (request, deliver) =>
        request.url.endsWith('/.well-known/impuls')
          ? Promise.resolve(new Response(formatKeyDocument(one) as BodyInit))
          : deliver();
      const outcome = await call();
      check(outcome === 'bad-document', `the wallet said ${outcome}`);
    }
    check((await world.ledger.totals()).cards === 0, 'a card was activated');
    return settle(scene, check, shown.length);
  },
};

/** He says that units are spent, or that the claim is over, without having it from the card. */
const falseStates: VendorAttack = {
  name: 'states and receipts without a MAC of the card',
  outcome: 'nothing is believed: the same claim is sent again',
  async run(_, check) {
    const scene = await setScene();
    await scene.call();
    const mac = new Uint8Array(16);
    const report = { units: 100, spent: 100, top: 100, expires: 4e9, gaps: [], holder: undefined };
    const state = (verdict: StateVerdict): string => formatState({ verdict, ...report, mac });
    const verdicts: StateVerdict[] = [
      'released',
      'conflict',
      'expired',
      'forged',
      'already-claimed',
      'accepted',
    ];
    let tries = 0;
    for (const verdict of verdicts) {
      for (const status of [200, 402, 409, 500]) {
        lying(scene, () =>
          Promise.resolve(new Response('{}', { status, headers: { 'Impuls-State': state(verdict) } })),
        );
        const outcome = await scene.call();
        check(outcome === 'unsettled', `${status} ${verdict} made it ${outcome}`);
        scene.world.network = direct;
        await scene.wallet.recover();
        tries++;
      }
    }
    const sent = new Set(scene.claims.map(({ headers }) => headers.get('authorization')));
    check(sent.size === tries, `${sent.size} claims were made by ${tries} calls`);
    return settle(scene, check, tries, denomination);
  },
};

/** He takes the units and gives a receipt that is wrong in one place. */
const falseReceipts: VendorAttack = {
  name: 'receipts that are wrong in one place',
  outcome: 'not taken; recovery gets the true one, charged once',
  async run(_, check) {
    const scene = await setScene();
    const changes: ReadonlyArray<readonly [string, unknown]> = [
      ['units', 20],
      ['units', 0],
      ['remaining', 1000],
      ['end', 99],
      ['verdict', 'settled'],
      ['reference', 'AAAAAAAAAAAAAAAA'],
      ['mac', 'AAAAAAAAAAAAAAAAAAAAAA'],
      ['timestamp', '2031-01-01T00:00:00Z'],
    ];
    for (const [name, value] of changes) {
      lying(scene, async (_request, answer) => {
        const response = await answer();
        const receipt = response.headers.get('payment-receipt');
        if (!receipt) return response;
        const json = JSON.parse(Buffer.from(receipt, 'base64url').toString()) as object;
        const changed = Buffer.from(JSON.stringify({ ...json, [name]: value })).toString('base64url');
        response.headers.set('payment-receipt', changed);
        return response;
      });
      const outcome = await scene.call();
      check(outcome === 'unsettled', `another ${name} made it ${outcome}`);
    }
    return settle(scene, check, changes.length, changes.length * price);
  },
};

/** He refuses this user, without proof, for ever, and asks to be paid anew. */
const selectiveRefusal: VendorAttack = {
  name: 'refusals without proof, asking anew each time',
  outcome: 'one claim a call, which stays the only one',
  async run(_, check) {
    const scene = await setScene();
    await scene.call();
    lying(scene, async (request, answer) => {
      await answer();
      return scene.world.network === direct ? answer() : bare402(request, scene);
    });
    for (let i = 0; i < 4; i++) {
      const outcome = await scene.call();
      check(outcome === 'unsettled', `the wallet said ${outcome}`);
    }
    const sent = new Set(scene.claims.map(({ headers }) => headers.get('authorization')));
    check(sent.size === 4, `${sent.size} claims were made by 4 calls`);
    check(scene.claims.length === 16, `${scene.claims.length} requests were sent`);
    return settle(scene, check, scene.claims.length, 5 * price);
  },
};

async function bare402(request: Request, { world }: Scene): Promise<Response> {
  const asked = await world.vendor.gate({ price })({
    method: request.method,
    target: '/a',
    header: () => undefined,
    body: () => Promise.resolve(new Uint8Array(0)),
  });
  if (asked.status !== 'refused') return new Response(null, { status: 500 });
  const { status, headers, body } = asked.reply;
  return new Response(body as BodyInit, { status, headers: headers as [string, string][] });
}

/** He raises the price with each claim, by refusals that he can prove. */
const risingPrice: VendorAttack = {
  name: 'a price that rises with each claim',
  outcome: 'limit-exceeded at the limit of the caller; nothing is charged',
  async run(_, check) {
    const scene = await setScene();
    await scene.call();
    let units = price;
    lying(scene, (request) => proven(scene, request, 'insufficient', {}, (units *= 2)));
    const outcome = await scene.call();
    check(outcome === 'limit-exceeded' || outcome === 'payment-refused', `the wallet said ${outcome}`);
    const most = scene.claims.map(
      ({ headers }) => parseCredential(headers.get('authorization')!)!.payload.units,
    );
    check(Math.max(...most) <= 20, `it claimed ${most.join()}`);
    return settle(scene, check, scene.claims.length, price);
  },
};

/** He proves refusal after refusal, each with a fresh challenge, to make a wallet claim without end. */
const endlessRounds: VendorAttack = {
  name: '402 in a loop, with proofs',
  outcome: 'payment-refused after 4 rounds; nothing is charged',
  async run(_, check) {
    for (const verdict of ['expired', 'mismatched', 'insufficient'] as const) {
      const scene = await setScene();
      await scene.call();
      lying(scene, (request) => proven(scene, request, verdict));
      const outcome = await scene.call();
      check(outcome === 'payment-refused' || outcome === 'no-card', `${verdict}: the wallet said ${outcome}`);
      check(scene.claims.length <= 4, `${verdict}: ${scene.claims.length} claims were sent`);
      await settle(scene, check, 0, price);
    }
    return { tries: 3, charged: 0 };
  },
};

/** He counts more as spent than the user has shown, with a true MAC: a state of his own making. */
const overclaim: VendorAttack = {
  name: 'more counted as spent than was claimed',
  outcome: 'no other claim is made for it; an honest state puts it right',
  async run(_, check) {
    const scene = await setScene();
    await scene.call();
    const all = { spent: denomination, top: denomination, gaps: [] };
    lying(scene, (request) => proven(scene, request, 'conflict', { ...all, holder: new Uint8Array(16) }));
    const outcome = await scene.call();
    check(['no-card', 'payment-refused'].includes(outcome), `the wallet said ${outcome}`);
    check(scene.claims.length <= 4, `${scene.claims.length} claims were sent`);
    return settle(scene, check, scene.claims.length, price);
  },
};

/** He is paid, and proves that he was not: the units are to be paid once more. */
const secretCharge: VendorAttack = {
  name: 'charged, and said to be released',
  outcome: 'the wallet learns it at the next claim; no more is lost than was claimed',
  async run(_, check) {
    const scene = await setScene();
    await scene.call();
    lying(scene, async (request, answer) => {
      await answer();
      return proven(scene, request, 'released');
    });
    await scene.call();
    const { spent } = await scene.world.ledger.totals();
    check(spent <= 2 * price * 2, `${spent} units were charged`);
    return settle(scene, check, 1, spent);
  },
};

/** He sends claims on to a place of his, and asks in the name of others. */
const elsewhere: VendorAttack = {
  name: 'redirects of claims, challenges for other origins',
  outcome: 'no claim goes anywhere else; the 402 of others is the caller’s to read',
  async run(_, check) {
    const scene = await setScene();
    const { world } = scene;
    await scene.call();
    const seen = new Set<string>();
    let tries = 0;
    for (const status of [301, 302, 303, 307, 308]) {
      world.network = (request, deliver) => {
        seen.add(new URL(request.url).host);
        if (!request.headers.has('authorization')) return deliver();
        tries++;
        const headers = { Location: 'https://evil.example/a' };
        return Promise.resolve(new Response(null, { status, headers }));
      };
      const outcome = await scene.call();
      check(outcome === 'unsettled', `${status} made it ${outcome}`);
    }
    check(seen.size === 1, `requests went to ${[...seen].join()}`);
    world.network = direct;
    await scene.wallet.recover();
    for (const change of [
      { realm: 'evil.example' },
      { method: 'other' },
      { request: 'e30' },
      { expires: 'x' },
    ]) {
      world.network = async (_request, deliver) => {
        const response = await deliver();
        const header = response.headers.get('www-authenticate');
        if (!header) return response;
        const [challenge] = parseChallenges(header);
        response.headers.set('www-authenticate', formatChallenge({ ...challenge!, ...change }));
        return response;
      };
      const outcome = await scene.call('/b');
      check(outcome === '402', `${Object.keys(change).join()} made it ${outcome}`);
      tries++;
    }
    return settle(scene, check, tries, 12 * price);
  },
};

/** He takes a claim and never answers, to keep units and callers waiting. */
const silence: VendorAttack = {
  name: 'answers that never come',
  outcome: 'the caller can leave; other calls pay with other units',
  async run(_, check) {
    const scene = await setScene();
    await scene.call();
    let held = 0;
    const full = 5;
    let isHeld!: () => void;
    const allHeld = new Promise<void>((resolve) => (isHeld = resolve));
    const { world, call } = scene;
    world.network = (request, deliver) => {
      if (!request.headers.has('authorization') || held === full) return deliver();
      if (++held === full) isHeld();
      const { signal } = request;
      return new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(new DOMException('gone', 'AbortError')));
      });
    };
    const leaving = new AbortController();
    const waiting = Array.from({ length: full }, () => call('/a', leaving.signal));
    await allHeld;
    check((await call('/b')) === '200', 'another call waited');
    leaving.abort();
    const outcomes = await Promise.all(waiting);
    check(
      outcomes.every((outcome) => outcome === 'AbortError'),
      `the callers heard ${outcomes.join()}`,
    );
    return settle(scene, check, full, (full + 2) * price);
  },
};

/** He answers with rubbish: any status, any header cut or changed, bodies of others. */
const rubbish: VendorAttack = {
  name: 'malformed answers of every kind',
  outcome: 'an error of impuls or the answer itself; no unit is lost',
  async run(_, check) {
    const scene = await setScene();
    const { world, call } = scene;
    let seed = 1;
    const draw = (below: number): number => {
      seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
      return Math.floor((seed / 2 ** 32) * below);
    };
    const values = [
      '',
      '{}',
      '[]',
      'e30',
      'Payment',
      'Payment id=""',
      '\u00ff',
      'A'.repeat(9000),
      '"',
      '=;,',
    ];
    const names = [
      'www-authenticate',
      'payment-receipt',
      'impuls-state',
      'content-type',
      'date',
      'retry-after',
    ];
    world.network = async (_request, deliver) => {
      const response = await deliver();
      const kind = draw(6);
      if (kind === 0) return response;
      if (kind === 1) throw new TypeError('fetch failed');
      const headers = new Headers(response.headers);
      const name = names[draw(names.length)]!;
      const old = headers.get(name) ?? '';
      if (kind === 2) headers.delete(name);
      else if (kind === 3) headers.set(name, values[draw(values.length)]!);
      else headers.set(name, old.slice(0, draw(old.length + 1)));
      const status = kind === 4 ? [200, 204, 302, 402, 409, 429, 500, 503][draw(8)]! : response.status;
      const bodies = [await response.text(), '', '{', '[]', '{"type":1}', 'x'.repeat(70_000)];
      return new Response(status === 204 ? null : bodies[kind === 5 ? draw(6) : 0], { status, headers });
    };
    const known = new Set(['TypeError', 'AbortError', 'no-card', 'unsettled', 'network', 'payment-refused']);
    const more = ['bad-document', 'limit-exceeded', 'already-served', 'outcome-unknown', 'vendor-restored'];
    const refusals = [
      'malformed',
      'card-unknown',
      'bad-signature',
      'throttled',
      'card-expired',
      'key-retired',
    ];
    [...more, ...refusals].forEach((code) => known.add(code));
    for (let i = 0; i < 120; i++) {
      const outcome = await call(i % 2 ? '/a' : '/b');
      check(known.has(outcome) || /^\d{3}$/.test(outcome), `it threw ${outcome}`);
    }
    return settle(scene, check, 120, denomination);
  },
};

export const vendorAttacks: readonly VendorAttack[] = [
  ownDocument,
  falseStates,
  falseReceipts,
  selectiveRefusal,
  risingPrice,
  endlessRounds,
  overclaim,
  secretCharge,
  elsewhere,
  silence,
  rubbish,
];
