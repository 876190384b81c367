import type { Screen } from './session.js';
import { formatUnits } from '../common/money.js';

/** One sentence on where the film is, for those who see the page and those who hear it. It changes with the state only. */
export function describe({ film, playing, started, ended, problem }: Screen, left: number): string {
  if (problem) return problem.what;
  if (film.status === 'stopped') {
    if (film.reason?.code === 'no-card') return 'Stopped: no card has enough left for the next seconds.';
    if (film.reason?.code === 'limit-exceeded') return 'Stopped: your cap is reached.';
    return 'Stopped: nothing more is paid.';
  }
  if (film.status === 'retrying') return 'The vendor cannot be reached; trying again. Nothing is paid twice.';
  if (ended) return `The end. ${formatUnits(film.units)} spent.`;
  if (playing) return 'The meter runs while the film plays.';
  if (started) return 'Paused: nothing is paid.';
  return left > 0 ? 'Ready. Nothing is paid before you press Play.' : 'A card is needed to watch.';
}
