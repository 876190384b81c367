import { toBase64url } from '../../core/base64url.js';
import { ImpulsError } from '../../core/errors.js';
import type { Meter, MeterEnd, MeteringOptions, Opening } from './meter.js';

/** The meters of a vendor: in memory, bounded. Each takes units from the claims that are put to it, in the order in which they came. */
export interface Meters {
  /** @throws ImpulsError `throttled` where there are too many */
  open(opening: Opening): Meter;
  /** The class of the route of a meter of this card; undefined if there is none. */
  routeOf(id: string): string | undefined;
  /** Puts a claim to a meter of its card. @returns when it is used up, the meter is over or it was held for long enough */
  deposit(id: string, card: string, units: number): Promise<Deposited>;
  /** Its client lets go of it. */
  leave(id: string): void;
  /** How it stands; undefined where it is not known, any more. */
  stateOf(id: string): { readonly used: number; readonly ended?: MeterEnd } | undefined;
}

/** `open`: whether the meter goes on, so that another claim may be put to it. */
export interface Deposited {
  readonly used: number;
  readonly open: boolean;
}

type Settings = Required<Omit<MeteringOptions, 'server'>>;

interface Deposit {
  readonly units: number;
  left: number;
  readonly answer: (deposited: Deposited) => void;
  readonly letGo: () => void;
}

/** Claims that one meter holds at a time; a client keeps two. */
const maxDeposits = 8;
/** Openings that a meter remembers, so that a repeated claim does not count twice. */
const maxOpenings = 64;
/** A meter that nothing happens to for so long is over: its handler has forgotten it. */
const idleMs = 300_000;

function platformAfter(milliseconds: number, callback: () => void): () => void {
  const timer = setTimeout(callback, milliseconds) as unknown;
  // No process stays alive for it.
  (timer as { unref?: () => void }).unref?.();
  return () => clearTimeout(timer as number);
}

/** What a meter is, whichever streams it had. */
class Account {
  readonly id: string;
  readonly card: string;
  readonly route: string;
  readonly openings = new Set<string>();
  used = 0;
  ended: MeterEnd | undefined;
  readonly onOver: (() => void)[] = [];
  /** The stream that draws now. */
  line: object | undefined;
  readonly #settings: Settings;
  readonly #onEnd: (account: Account) => void;
  /** Units of openings that are not used yet: they are charged already. */
  #credit = 0;
  #deposits: Deposit[] = [];
  #watchers: (() => void)[] = [];
  #letGo: () => void = () => {};

  constructor(id: string, { card, route }: Opening, settings: Settings, onEnd: (account: Account) => void) {
    this.id = id;
    this.card = card;
    this.route = route;
    this.#settings = settings;
    this.#onEnd = onEnd;
  }

  /** Another stream draws from now on. */
  attach(line: object, { tag, units }: Opening): void {
    this.line = line;
    if (!this.openings.has(tag)) {
      this.#credit += units;
      this.openings.add(tag);
    }
    if (this.openings.size > maxOpenings) this.openings.delete(this.openings.keys().next().value!);
    this.#expect(idleMs);
    this.#wake();
  }

  pause(): void {
    this.line = undefined;
    this.#expect(this.#settings.lingerMs);
    this.#wake();
  }

  end(how: MeterEnd): void {
    if (this.ended) return;
    this.ended = how;
    this.#letGo();
    for (const deposit of [...this.#deposits]) this.#answer(deposit);
    this.#wake();
    this.#onEnd(this);
    for (const tell of this.onOver.splice(0)) tell();
  }

  deposit(units: number): Promise<Deposited> {
    if (this.ended) return Promise.resolve({ used: 0, open: false });
    if (this.#deposits.length >= maxDeposits) return Promise.resolve({ used: 0, open: true });
    if (this.line) this.#expect(idleMs);
    return new Promise((resolve) => {
      const letGo = this.#settings.after(this.#settings.holdMs, () => this.#answer(deposit));
      const deposit: Deposit = { units, left: units, answer: resolve, letGo };
      this.#deposits.push(deposit);
      this.#wake();
    });
  }

  /** @returns whether all of it could be taken while `line` was the stream that draws */
  async take(units: number, line: object): Promise<boolean> {
    let due = units;
    while (!this.ended && this.line === line) {
      due -= this.#draw(due);
      if (due === 0) {
        this.#expect(idleMs);
        return true;
      }
      await this.#paid(line);
    }
    return false;
  }

  /** Waits for a claim, as long as the grace lasts. */
  #paid(line: object): Promise<void> {
    return new Promise((resolve) => {
      const letGo = this.#settings.after(this.#settings.graceMs, () => {
        if (this.line === line) this.end('unpaid');
      });
      this.#watchers.push(() => {
        letGo();
        resolve();
      });
    });
  }

  #draw(atMost: number): number {
    let due = atMost;
    const free = Math.min(due, this.#credit);
    this.#credit -= free;
    due -= free;
    for (const deposit of [...this.#deposits]) {
      if (due === 0) break;
      const part = Math.min(due, deposit.left);
      deposit.left -= part;
      due -= part;
      if (deposit.left === 0) this.#answer(deposit);
    }
    this.used += atMost - due;
    return atMost - due;
  }

  #answer(deposit: Deposit): void {
    const at = this.#deposits.indexOf(deposit);
    if (at < 0) return;
    this.#deposits.splice(at, 1);
    deposit.letGo();
    deposit.answer({ used: deposit.units - deposit.left, open: !this.ended });
  }

  #expect(milliseconds: number): void {
    this.#letGo();
    this.#letGo = this.#settings.after(milliseconds, () => this.end('left'));
  }

  #wake(): void {
    const watchers = this.#watchers;
    this.#watchers = [];
    for (const wake of watchers) wake();
  }
}

/** One stream of a meter. */
class Line implements Meter {
  readonly resumed: boolean;
  readonly account: Account;

  constructor(account: Account, resumed: boolean) {
    this.account = account;
    this.resumed = resumed;
  }

  get id(): string {
    return this.account.id;
  }

  get used(): number {
    return this.account.used;
  }

  get ended(): MeterEnd | undefined {
    return this.account.ended ?? (this.account.line === this ? undefined : 'superseded');
  }

  use(units: number): Promise<boolean> {
    if (!Number.isSafeInteger(units) || units < 0) {
      throw new ImpulsError('invalid-argument', `a meter counts whole units, not ${units}`);
    }
    return this.account.take(units, this);
  }

  reach(total: number): Promise<boolean> {
    return this.use(Math.max(0, total - this.account.used));
  }

  end(): void {
    if (this.account.line === this) this.account.end('finished');
  }

  pause(): void {
    if (this.account.line === this) this.account.pause();
  }
}

/** What is the same for all streams of a meter: a key for what they have to leave one another. */
export function accountOf(meter: Meter): object {
  return meter instanceof Line ? meter.account : meter;
}

/** Tells when a meter is over, whichever of its streams it was that ended it. */
export function whenOver(meter: Meter, tell: () => void): void {
  if (meter instanceof Line) meter.account.onOver.push(tell);
}

export function createMeters(
  random: (length: number) => Uint8Array,
  {
    graceMs = 10_000,
    holdMs = 10_000,
    lingerMs = 30_000,
    maxMeters = 10_000,
    maxPerCard = 16,
    server = '',
    after = platformAfter,
  }: MeteringOptions = {},
): Meters {
  if (!/^[\w-]{0,4}$/.test(server)) {
    throw new ImpulsError('invalid-argument', `"${server}" is no name for the ids of meters`, {
      hint: 'Say 1 to 4 letters, digits, - and _.',
    });
  }
  const settings: Settings = { graceMs, holdMs, lingerMs, maxMeters, maxPerCard, after };
  /** Those that ended stay for a while. */
  const accounts = new Map<string, Account>();
  const byCard = new Map<string, Set<Account>>();
  const byOpening = new Map<string, Account>();

  function onEnd(account: Account): void {
    const siblings = byCard.get(account.card);
    siblings?.delete(account);
    if (siblings?.size === 0) byCard.delete(account.card);
    for (const tag of account.openings) if (byOpening.get(tag) === account) byOpening.delete(tag);
    after(lingerMs, () => accounts.delete(account.id));
  }

  function create(opening: Opening): Account {
    const siblings = byCard.get(opening.card) ?? new Set<Account>();
    if (siblings.size >= maxPerCard) siblings.values().next().value!.end('left');
    if (accounts.size >= maxMeters) {
      const over = [...accounts.values()].find(({ ended }) => ended);
      if (!over) throw new ImpulsError('throttled', 'too many streams are metered already');
      accounts.delete(over.id);
    }
    const account = new Account(
      server + toBase64url(random(16)).slice(server.length),
      opening,
      settings,
      onEnd,
    );
    accounts.set(account.id, account);
    byCard.set(opening.card, siblings.add(account));
    return account;
  }

  function find(id: string | undefined, card: string): Account | undefined {
    const account = id === undefined ? undefined : accounts.get(id);
    return account?.card === card ? account : undefined;
  }

  return {
    open(opening) {
      const { tag, card, continues } = opening;
      const named = find(continues, card);
      const known = named && !named.ended ? named : byOpening.get(tag);
      const account = known ?? create(opening);
      const line = new Line(account, known !== undefined);
      account.attach(line, opening);
      byOpening.set(tag, account);
      return line;
    },
    routeOf: (id) => accounts.get(id)?.route,
    async deposit(id, card, units) {
      return find(id, card)?.deposit(units) ?? { used: 0, open: false };
    },
    leave: (id) => accounts.get(id)?.end('left'),
    stateOf(id) {
      const account = accounts.get(id);
      return account && { used: account.used, ...(account.ended && { ended: account.ended }) };
    },
  };
}
