import type { Choices } from '../../src/testing/suite.js';

/** What wallets ask for and vendors sell. */

export const prices = { '/one': 1, '/three': 3, '/order': 2 } as const;

/** A request that is made once. */
export interface Request {
  readonly method: 'GET' | 'POST';
  /** Path and query; no two requests have the same. */
  readonly target: string;
}

/** A third of the requests order something, which must happen once. */
export function chooseRequest(choices: Choices, name: string): Request {
  const path = choices.pick(['/one', '/three', '/order'] as const);
  return { method: path === '/order' ? 'POST' : 'GET', target: `${path}?call=${name}` };
}

/** What a request is answered. */
export function answerTo({ method, target }: Request, reference: string): string {
  return `${method} ${target} ${reference}\n`;
}

/** Units that a request costs. */
export function priceOf(target: string): number {
  return prices[target.split('?', 1)[0] as keyof typeof prices];
}
