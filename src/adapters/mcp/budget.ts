import { ImpulsError, isImpulsError } from '../../core/errors.js';
import { limits } from '../../core/limits.js';
import { canonicalJson, parseJson } from '../../core/wire/canonical-json.js';
import { expectObject, expectText, expectUint32 } from '../../core/wire/json-members.js';

/** What an agent may spend of a wallet that holds more. Units; days are those of UTC. */
export interface Caps {
  /** The most for one call. */
  readonly perCall: number;
  /** The most for all calls of a day. */
  readonly perDay: number;
  /** The most for all calls of a day to one vendor. Default: `perDay`. */
  readonly perVendor?: number;
}

/** Where the count of a day is kept. One process has it at a time: the one that has the wallet. */
export interface BudgetStorage {
  /** What was written last; undefined if nothing was. */
  read(): Promise<string | undefined>;
  /** Durable when it resolves. */
  write(text: string): Promise<void>;
}

/** Counts what is spent of a day. What a call may cost at most counts from before it is sent, so that no crash makes it less. */
export interface Budget {
  /** What is still free today, in all and at one vendor. */
  left(vendor?: string): number;
  /** Sets units aside, durably. @throws ImpulsError `limit-exceeded`, `storage-failed` */
  reserve(vendor: string, units: number): Promise<Reservation>;
}

export interface Reservation {
  /** Ends it: what was not charged is free again. Without it, as after a crash, all of it counts until the day is over. */
  settle(charged: number): Promise<void>;
}

interface Count {
  /** `2026-11-23` */
  day: string;
  /** Units by the origin of the vendor, with what is set aside. */
  readonly vendors: Map<string, number>;
}

/** @throws ImpulsError `invalid-argument` */
export function checkCaps({ perCall, perDay, perVendor = perDay }: Caps): Required<Caps> {
  const caps = { perCall, perDay, perVendor };
  for (const [name, units] of Object.entries(caps)) {
    if (!Number.isInteger(units) || units < 0 || units > limits.maxUint32) {
      throw new ImpulsError('invalid-argument', `caps.${name} is a whole number of units, not ${units}`);
    }
  }
  return caps;
}

/** @param clock Unix milliseconds @throws ImpulsError `invalid-argument`; `storage-corrupt` for a count that cannot be read */
export async function openBudget(storage: BudgetStorage, caps: Caps, clock: () => number): Promise<Budget> {
  const { perDay, perVendor } = checkCaps(caps);
  const text = await storage.read();
  const count: Count = text === undefined ? { day: '', vendors: new Map() } : readCount(text);
  let writing: Promise<void> = Promise.resolve();

  /** A clock that goes back begins no day anew. */
  function turnDay(): void {
    const day = new Date(clock()).toISOString().slice(0, 10);
    if (day <= count.day) return;
    count.day = day;
    count.vendors.clear();
  }

  const of = (vendor: string): number => count.vendors.get(vendor) ?? 0;
  const inAll = (): number => [...count.vendors.values()].reduce((sum, units) => sum + units, 0);
  const add = (vendor: string, units: number): unknown => count.vendors.set(vendor, of(vendor) + units);

  function left(vendor?: string): number {
    turnDay();
    const rest = perDay - inAll();
    return Math.max(0, vendor === undefined ? rest : Math.min(rest, perVendor - of(vendor)));
  }

  /** One after the other; each writes what is counted by then. */
  function save(): Promise<void> {
    const next = writing
      .catch(() => {})
      .then(() =>
        storage.write(
          canonicalJson({ day: count.day, vendors: Object.fromEntries(count.vendors), version: 1 }),
        ),
      );
    writing = next;
    return next;
  }

  return {
    left,
    async reserve(vendor, units) {
      const free = left(vendor);
      if (units > free) {
        const isDay = perDay - inAll() <= free;
        throw new ImpulsError(
          'limit-exceeded',
          `${units} are more units than are left today: ${free} of ${isDay ? `${perDay} a day` : `${perVendor} a day for one vendor`}`,
          {
            hint: 'Ask for less, wait for calls that are under way, or for tomorrow (UTC).',
          },
        );
      }
      const { day } = count;
      add(vendor, units);
      let open = true;
      const settle = async (charged: number): Promise<void> => {
        if (!open) return;
        open = false;
        if (count.day !== day || charged === units) return;
        add(vendor, charged - units);
        await save();
      };
      try {
        await save();
      } catch (error) {
        // It may have got there: the rest of the day goes without these units only if this process ends now.
        open = false;
        add(vendor, -units);
        throw error;
      }
      return { settle };
    },
  };
}

function readCount(text: string): Count {
  try {
    const json = expectObject(parseJson(text), 'a count');
    const day = expectText(json['day'], 'day');
    const vendors = Object.entries(expectObject(json['vendors'], 'vendors'));
    return {
      day,
      vendors: new Map(vendors.map(([vendor, units]) => [vendor, expectUint32(units, 'units')])),
    };
  } catch (cause) {
    if (!isImpulsError(cause)) throw cause;
    throw new ImpulsError('storage-corrupt', 'the count of what the agent has spent today cannot be read', {
      hint: 'Put the file aside; the caps of today then begin anew.',
      cause,
    });
  }
}
