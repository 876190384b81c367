import { createPayingFetch, paymentOf, type KeyedPayment } from '../../client/index.js';
import { ImpulsError } from '../../core/errors.js';
import { formatUnits } from '../amounts.js';
import { defineCommand, wholeNumber } from '../command.js';
import { exitCodes } from '../exit-codes.js';
import { checkWritable, showAnswer } from '../fetching/answer.js';
import { dryRun } from '../fetching/dry-run.js';
import { cutOff, networkFailure, unreachable } from '../fetching/network.js';
import { prepareRequest } from '../fetching/request.js';
import { createTracingFetch } from '../fetching/trace.js';
import type { Terminal } from '../terminal.js';
import {
  configFile,
  defaultMax,
  openWalletIfAny,
  walletFile,
  walletOption,
  withWallet,
} from '../wallet-place.js';

export const fetchCommand = defineCommand({
  name: 'fetch',
  summary: 'Fetch a URL, and pay for it if it costs no more than --max',
  usage: '<url> --max <units> [options]',
  options: {
    max: { type: 'string', value: '<units>', help: 'The most to pay; required unless config.json says it' },
    'dry-run': { type: 'boolean', help: 'Show the price and whether it would be paid; pay nothing' },
    request: {
      type: 'string',
      short: 'X',
      value: '<method>',
      help: 'The method; default GET, or POST with -d',
    },
    data: {
      type: 'string',
      short: 'd',
      value: '<data>',
      multiple: true,
      help: 'The body; @file reads a file, @- the input',
    },
    header: {
      type: 'string',
      short: 'H',
      value: '<line>',
      multiple: true,
      help: "A header: 'Accept: text/html'",
    },
    include: { type: 'boolean', short: 'i', help: 'Write the head of the answer too' },
    output: { type: 'string', short: 'o', value: '<file>', help: 'Write the body to a file' },
    fail: { type: 'boolean', short: 'f', help: 'Exit with 1 for a status of 400 or above' },
    verbose: { type: 'boolean', short: 'v', help: 'Show what goes over the wire, with the payment in words' },
    silent: { type: 'boolean', short: 's', help: 'Say nothing about the payment' },
    seal: { type: 'boolean', help: 'Ask for a body that only this payment opens, and open it' },
    protocol: { type: 'string', value: 'chain|stream', help: 'Pay with cards of this protocol only' },
    ...walletOption,
    json: { type: 'boolean', help: 'Write one JSON document: status, headers, body, payment' },
  },
  words: [1, 1],
  notes:
    'Pays once, whatever is lost on the way: a request that was paid is sent again until it is answered. With\n--dry-run the request is sent without a payment: what is free is answered, and done.',
  examples: [
    'impuls fetch https://news.example/articles/1 --max 5',
    "impuls fetch https://api.example/ask --max 50 -H 'Content-Type: application/json' -d @question.json -v",
  ],
  async run(call) {
    const { terminal, values, positionals } = call;
    const request = await prepareRequest(positionals[0]!, values, call.stdin);
    const max = values.max === undefined ? await defaultMax(call) : wholeNumber(values.max, '--max');
    const protocol = readProtocol(values.protocol);
    const tracing = values.verbose ? createTracingFetch(fetch, terminal.note, terminal.notePaint) : fetch;
    const log = values.verbose ? (line: string) => terminal.note(`* ${line}`) : undefined;
    if (values.verbose) terminal.note(`* wallet ${walletFile(call)}`);
    return withWallet(openWalletIfAny(call, { fetch: tracing, ...(log && { log }) }), async (wallet) => {
      if (values['dry-run']) return dryRun(terminal, wallet, request, max, tracing);
      if (max === undefined) throw noMax(configFile(call));
      const paying = createPayingFetch({
        wallet,
        limits: { perRequest: max, total: max },
        ...(protocol && { protocol }),
        ...(values.seal && { seal: 'prefer' }),
      });
      if (values.output !== undefined) await checkWritable(values.output);
      const response = await paying(request.url.href, request.init).catch((error: unknown) => {
        throw networkFailure(error, (cause) => unreachable(request.url, cause));
      });
      const payment = paymentOf(response);
      await showAnswer(terminal, response, payment, values).catch((error: unknown) => {
        throw networkFailure(error, (cause) => cutOff(cause, payment));
      });
      if (!values.silent) tellPayment(terminal, payment, values.verbose ? 'always' : 'watched');
      return values.fail && response.status >= 400 ? exitCodes.failure : exitCodes.ok;
    });
  },
});

function readProtocol(name: string | undefined): 'chain' | 'stream' | undefined {
  if (name === undefined || name === 'chain' || name === 'stream') return name;
  throw new ImpulsError('invalid-argument', `--protocol has no "${name}"`, { hint: 'Say chain or stream.' });
}

function noMax(file: string): ImpulsError {
  return new ImpulsError('invalid-argument', 'impuls fetch needs a limit: the most that it may pay', {
    hint: `Add --max <units>, or write {"max": <units>} into ${file}.`,
  });
}

function tellPayment(
  terminal: Terminal,
  payment: KeyedPayment | undefined,
  when: 'always' | 'watched',
): void {
  if (when === 'watched' && !terminal.watched) return;
  const { notePaint: paint } = terminal;
  if (!payment) {
    if (when === 'always') terminal.note('* nothing was paid');
    return;
  }
  const left = payment.remaining === undefined ? '' : ` ${formatUnits(payment.remaining)} left.`;
  const line = `paid ${formatUnits(payment.units)} (${payment.worth}), key ${payment.fingerprint}.${left}`;
  terminal.note(paint.dim(`* ${line}`));
}
