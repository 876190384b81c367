/** What the player remembers: the cap of a film, in this browser; where it was, in this tab. */

export const defaultFilmCap = 100;
const capName = 'impuls.film-cap';
const positionName = 'impuls.position';

/** Units that a film may cost at one sitting. */
export function readFilmCap(): number {
  const cap = Number(localStorage.getItem(capName) ?? NaN);
  return Number.isInteger(cap) && cap >= 0 ? cap : defaultFilmCap;
}

export function writeFilmCap(cap: number): void {
  localStorage.setItem(capName, String(cap));
}

/** @returns seconds; -1 for the beginning, or the live edge */
export function readPosition(film: string): number {
  try {
    const [of, at] = JSON.parse(sessionStorage.getItem(positionName) ?? '[]') as [unknown, unknown];
    return of === film && typeof at === 'number' && at > 0 ? at : -1;
  } catch {
    return -1;
  }
}

export function writePosition(film: string, seconds: number | undefined): void {
  if (seconds === undefined) sessionStorage.removeItem(positionName);
  else sessionStorage.setItem(positionName, JSON.stringify([film, seconds]));
}
