import { paymentOf, type PayingFetch } from '../../src/client/index.js';
import { ImpulsError, isImpulsError } from '../../src/core/errors.js';
import type { Choices } from '../../src/testing/suite.js';
import { answerOf, fails, type Call } from './shop.js';

/** How a call ended, as its caller sees it. */
export interface Outcome {
  readonly call: Call;
  /**
   * `paid`: the answer came. `torn`: it was paid, and its body broke off. `unpaid`: an error of the handler's came, which
   * costs nothing. `failed`: it rejected.
   */
  readonly end: 'paid' | 'torn' | 'unpaid' | 'failed';
  /** Of the payment. */
  readonly reference?: string | undefined;
  /** Why it failed; `fetch` if that was no error of the wallet's. */
  readonly code?: string | undefined;
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
  const extra =
    kind === 'metered'
      ? `&use=${1 + choices.below(9)}`
      : kind === 'moody'
        ? `&fails=${choices.pick(['yes', 'no'])}`
        : '';
  return {
    method: unsafe ? 'POST' : 'GET',
    target: `/${kind}?call=${name}${extra}`,
    body: unsafe ? `this is for ${name}` : undefined,
    seal: kind === 'sealed' || choices.below(5) === 0,
  };
}

/** Makes a call and reads its answer. @throws ImpulsError if an answer is not that of the call */
export async function make(pay: PayingFetch, origin: string, call: Call): Promise<Outcome> {
  const { method, target, body } = call;
  let response: Response;
  try {
    response = await pay(origin + target, { method, ...(body !== undefined && { body }) });
  } catch (error) {
    return { call, end: 'failed', code: isImpulsError(error) ? error.code : nameOf(error) };
  }
  const payment = paymentOf(response);
  const text = await response.text().catch((error: unknown) => {
    nameOf(error);
    return undefined;
  });
  const { reference } = payment ?? {};
  const whole = text ?? answerOf(call, reference);
  // What is served again after a crash is charged, whatever it answers then.
  const isAnswer = fails(target) ? response.status === 500 : response.ok && payment;
  if (!isAnswer || whole !== answerOf(call, reference)) throw wrong(call, response, text);
  if (!payment) return { call, end: 'unpaid' };
  return { call, end: text === undefined ? 'torn' : 'paid', reference };
}

/** What fetch and streams throw when a connection breaks. @throws anything else */
function nameOf(error: unknown): 'fetch' {
  if (error instanceof TypeError || isImpulsError(error, 'bad-seal')) return 'fetch';
  throw error;
}

function wrong({ method, target }: Call, { status }: Response, text = 'nothing'): ImpulsError {
  return new ImpulsError('malformed', `${method} ${target} was answered ${status} ${text.slice(0, 200)}`);
}
