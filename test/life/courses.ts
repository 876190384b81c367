import { createChoices } from '../../src/testing/suite.js';
import { steps, type Step } from './steps.js';

/** Courses of steps that a seed fixes, and the shortest one that still fails. */

/** How often a step is drawn among the others. */
const weights: Readonly<Record<Step['what'], number>> = {
  sell: 4,
  print: 1,
  activate: 2,
  withdraw: 1,
  hold: 1,
  free: 1,
  void: 1,
  redeem: 6,
  pay: 16,
  exchange: 3,
  refund: 2,
  payOut: 1,
  recover: 2,
  reopen: 1,
  move: 1,
  restart: 1,
  backup: 2,
  restore: 2,
  wait: 2,
  rotate: 1,
};

const lot = (Object.keys(steps) as Step['what'][]).flatMap((what) => Array(weights[what]).fill(what));

export function drawCourse(seed: number, length: number): Step[] {
  const choices = createChoices(seed);
  return Array.from({ length }, () => ({
    what: choices.pick(lot) as Step['what'],
    which: choices.below(10_000),
    other: choices.below(10_000),
    trouble: choices.below(3) === 0 ? 1 + choices.below(10_000) : 0,
  }));
}

/** Lives a course; where that fails, shortens it and says with which steps it still does. */
export async function live(course: readonly Step[], life: (course: readonly Step[]) => Promise<void>) {
  const failure = await failureOf(course, life);
  if (!failure) return;
  let [shortest, cause] = [course, failure];
  let tries = 60;
  const attempt = async (next: readonly Step[]): Promise<boolean> => {
    if (tries-- <= 0) return false;
    const found = await failureOf(next, life);
    if (!found) return false;
    [shortest, cause] = [next, found];
    return true;
  };
  for (let size = Math.ceil(course.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    // From the end: what fails is last.
    for (let at = shortest.length - size; at > -size; at -= size) {
      await attempt(shortest.filter((_, i) => i < at || i >= at + size));
    }
  }
  for (let at = 0; at < shortest.length; at++) {
    if (shortest[at]!.trouble > 0) await attempt(shortest.with(at, { ...shortest[at]!, trouble: 0 }));
  }
  cause.message += `\n\nIt does after these steps alone:\n${shortest.map((step) => JSON.stringify(step)).join(',\n')}`;
  throw cause;
}

async function failureOf(
  course: readonly Step[],
  life: (course: readonly Step[]) => Promise<void>,
): Promise<Error | undefined> {
  try {
    await life(course);
    return undefined;
  } catch (error) {
    return error as Error;
  }
}
