import type { CardSummary, Wallet } from '../../client/index.js';
import { ImpulsError } from '../../core/errors.js';
import { worthOf } from '../../core/key-document.js';
import { parseChallenges } from '../../core/wire/challenge.js';
import { decodeRequest, type ImpulsRequest } from '../../core/wire/request.js';
import { formatUnits, plural } from '../amounts.js';
import { exitCodes } from '../exit-codes.js';
import type { Terminal } from '../terminal.js';
import type { PreparedRequest } from './request.js';
import { unreachable } from './network.js';

interface Quote {
  /** 0 if it is not to be paid. */
  readonly units: number;
  readonly worth: string;
  readonly status: number;
}

/** Asks for the price, shows it and pays nothing. @returns the exit code that paying would have had */
export async function dryRun(
  terminal: Terminal,
  wallet: Wallet,
  { url, init }: PreparedRequest,
  max: number | undefined,
  fetching: typeof fetch,
): Promise<number> {
  const quote = await askPrice(url, init, fetching);
  const able = wallet.cards().filter((card) => canPay(card, url.origin, quote.units));
  const tooMuch = max !== undefined && quote.units > max;
  const code = tooMuch
    ? exitCodes.refused
    : quote.units > 0 && able.length === 0
      ? exitCodes.noUnits
      : exitCodes.ok;
  if (terminal.json) {
    terminal.printJson({
      method: init.method,
      url: url.href,
      status: quote.status,
      units: quote.units,
      worth: quote.worth,
      max,
      cards: able.map(({ id, left }) => ({ id, left })),
      wouldPay: quote.units > 0 && code === exitCodes.ok,
    });
    return code;
  }
  if (quote.units === 0) {
    terminal.print(`It costs nothing: the answer was ${quote.status}.`);
    return code;
  }
  terminal.print(
    `It costs ${terminal.paint.bold(formatUnits(quote.units))} (${quote.worth}). Nothing was paid.`,
  );
  if (tooMuch) terminal.print(`That is more than --max ${max}: it would not be paid.`);
  else if (able.length === 0) terminal.print(`No card of ${url.origin} has so many units left.`);
  else
    terminal.print(
      `${plural(able.length, 'card')} can pay it, the first with ${formatUnits(able[0]!.left)} left.`,
    );
  return code;
}

/** What needs no payment. @returns the exit code */
export function tellFree(terminal: Terminal, { url, init }: PreparedRequest, why: string): number {
  if (terminal.json) {
    terminal.printJson({ method: init.method, url: url.href, units: 0, worth: '0', wouldPay: false, why });
  } else {
    terminal.print(`It costs nothing: ${why}.`);
  }
  return exitCodes.ok;
}

function canPay({ vendor, status, left }: CardSummary, origin: string, units: number): boolean {
  return vendor.origin === origin && (status === 'ready' || status === 'active') && left >= units;
}

async function askPrice(url: URL, init: PreparedRequest['init'], fetching: typeof fetch): Promise<Quote> {
  let response: Response;
  try {
    response = await fetching(url.href, { ...init, redirect: 'manual' });
  } catch (cause) {
    throw unreachable(url, cause);
  }
  await response.body?.cancel();
  const asked = response.status === 402 ? response.headers.get('www-authenticate') : null;
  const ours = asked === null ? [] : parseChallenges(asked).filter(({ method }) => method === 'impuls');
  if (response.status === 402 && ours.length === 0) {
    throw new ImpulsError('unsupported', `${url.origin} asks for a payment, and not by impuls cards`, {
      hint: 'See its answer with `impuls fetch -i --max 1`.',
    });
  }
  const request: ImpulsRequest | undefined = ours[0] && decodeRequest(ours[0].request);
  const units = request ? Number(request.amount) : 0;
  return {
    units,
    worth: request ? worthOf(units, request.methodDetails.unit) : '0',
    status: response.status,
  };
}
