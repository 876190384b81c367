/** One thing that somebody dishonest tries, and what must come of it. Its docstring says what he has. */

/** @param what holds, in words: told where it does not */
export type Check = (holds: boolean, what: string) => void;

export interface Attack<Place> {
  readonly name: string;
  /** What comes of it, for the table. */
  readonly outcome: string;
  readonly run: (place: Place, check: Check) => Promise<Tried>;
}

export interface Tried {
  /** How often it was tried. */
  readonly tries: number;
  /** Units that the attacker has paid, as he counts them. The books must say the same. */
  readonly charged: number;
}

export interface Result extends Omit<Tried, 'charged'> {
  readonly name: string;
  readonly by: 'client' | 'vendor';
  readonly outcome: string;
  readonly milliseconds: number;
  /** What did not hold. */
  readonly broken: readonly string[];
}

/** Runs one attack; what it throws is a breach too. @param balance of units spent, by the vendor's books */
export async function runAttack<Place>(
  by: 'client' | 'vendor',
  { name, outcome, run }: Attack<Place>,
  place: Place,
  balance: () => Promise<number> = () => Promise.resolve(0),
): Promise<Result> {
  const broken: string[] = [];
  const check: Check = (holds, what) => {
    if (!holds) broken.push(what);
  };
  const began = performance.now();
  const before = await balance();
  let tries = 0;
  try {
    const tried = await run(place, check);
    ({ tries } = tried);
    const spent = (await balance()) - before;
    check(spent === tried.charged, `the books say ${spent} units, the attacker ${tried.charged}`);
  } catch (error) {
    broken.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
  }
  return { name, by, outcome, tries, milliseconds: performance.now() - began, broken };
}
