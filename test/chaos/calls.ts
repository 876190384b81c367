import { paymentOf, type PayingFetch } from '../../src/client/index.js';
import { isImpulsError } from '../../src/core/errors.js';
import type { Choices } from '../../src/testing/suite.js';
import { answerOf, fails, type Call } from './shop.js';

/** How a call ended, as its caller sees it. */
export interface Outcome {
  readonly call: Call;
  /**
   * `paid`: the answer came. `torn`: it was paid, and its body broke off. `unpaid`: the handler's error came, which costs
   * nothing. `failed`: it rejected. `wrong`: what came is no answer to the call.
   */
  readonly end: 'paid' | 'torn' | 'unpaid' | 'failed' | 'wrong';
  /** Of the payment. */
  readonly reference?: string | undefined;
  /** Why it failed: an error's code, `fetch` if that was no error of the wallet's. What was wrong. */
  readonly reason?: string | undefined;
}

const kinds = [
  'one',
  'three',
  'order',
  'metered',
  'moody',
  'sealed',
  'one',
  'three',
  'order',
  'bulk',
] as const;

export function chooseCall(choices: Choices, name: string): Call {
  const kind = choices.pick(kinds);
  const unsafe = kind === 'order' || kind === 'bulk' || (kind === 'moody' && choices.below(2) === 0);
  const query = { metered: `&use=${1 + choices.below(9)}`, moody: `&fails=${choices.pick(['yes', 'no'])}` };
  return {
    method: unsafe ? 'POST' : 'GET',
    target: `/${kind}?call=${name}${kind === 'metered' || kind === 'moody' ? query[kind] : ''}`,
    body: unsafe ? `this is for ${name}` : undefined,
    seal: kind === 'sealed' || choices.below(5) === 0,
  };
}

/** Makes a call and reads its answer. @throws what is neither an error of the wallet's nor of the network's */
export async function make(pay: PayingFetch, origin: string, call: Call): Promise<Outcome> {
  const { method, target, body } = call;
  let response: Response;
  try {
    response = await pay(origin + target, { method, ...(body !== undefined && { body }) });
  } catch (error) {
    return { call, end: 'failed', reason: reasonOf(error) };
  }
  const text = await response.text().catch((error: unknown) => {
    reasonOf(error);
    return undefined;
  });
  return judge(call, response.status, paymentOf(response)?.reference, text);
}

/** @param text undefined if it broke off */
export function judge(
  call: Call,
  status: number,
  reference: string | undefined,
  text: string | undefined,
): Outcome {
  const isExpected = fails(call.target) ? status === 500 : status < 300 && reference !== undefined;
  if (!isExpected || (text !== undefined && text !== answerOf(call, reference))) {
    return { call, end: 'wrong', reference, reason: `${status} ${text?.slice(0, 200)}` };
  }
  // What is served again after a crash is charged, whatever it answers then.
  if (reference === undefined) return { call, end: 'unpaid' };
  return { call, end: text === undefined ? 'torn' : 'paid', reference };
}

/** What fetch and streams throw when a connection breaks is `fetch`. @throws anything else */
function reasonOf(error: unknown): string {
  if (isImpulsError(error)) return error.code;
  if (error instanceof TypeError) return 'fetch';
  throw error;
}
