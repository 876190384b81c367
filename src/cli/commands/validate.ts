import { ImpulsError } from '../../core/errors.js';
import { defineCommand, wholeNumber, type Call } from '../command.js';
import { formatChecks } from '../doctor/check.js';
import { platformNetwork } from '../doctor/network-checks.js';
import { exitCodes } from '../exit-codes.js';
import type { Payer } from '../validating/paid.js';
import { createTap } from '../validating/tap.js';
import { validate } from '../validating/validate.js';
import {
  configFile,
  defaultMax,
  networkOption,
  openNetwork,
  openWalletIfAny,
  walletOption,
  withWallet,
} from '../wallet-place.js';

const options = {
  request: {
    type: 'string',
    short: 'X',
    value: '<method>',
    help: 'How the named addresses are asked; default GET, or POST with -d',
  },
  data: { type: 'string', short: 'd', value: '<json>', help: 'With this body' },
  pay: { type: 'boolean', help: 'Pay once, and try what must not be had with it a second time' },
  max: { type: 'string', value: '<units>', help: 'With --pay: the most to pay' },
  ...walletOption,
  ...networkOption,
} as const;

export const validateCommand = defineCommand({
  name: 'validate',
  summary: 'Check a vendor from outside: prices, keys, 402s, caching, CORS, and with --pay a payment',
  usage: '<vendor or url>… [options]',
  options,
  words: [1, 16],
  notes: [
    'It asks what any client can ask, and says what to mend. Paid routes are found in /openapi.json; name the',
    'address of one to look at it too. Requests without a payment, and with payments that nobody made, are sent to',
    'each: a route that is not behind its gate is then run. It ends with 1 if something fails.',
  ].join('\n'),
  examples: [
    'impuls validate https://news.example',
    'impuls validate https://news.example/articles/1 --pay --max 5',
    `impuls validate https://api.example/ask -d '{"question":"why"}'`,
  ],
  async run(call) {
    const { terminal, values, positionals } = call;
    const { origin, paths } = readAddresses(positionals);
    const method = (values.request ?? (values.data === undefined ? 'GET' : 'POST')).toUpperCase();
    const checks = await withPayer(call, (fetching, payer) =>
      validate({ ...platformNetwork, fetch: fetching, origin, paths, method, body: values.data, payer }),
    );
    const valid = checks.every(({ verdict }) => verdict !== 'fail');
    if (terminal.json) terminal.printJson({ vendor: origin, valid, checks });
    else terminal.print(formatChecks(checks, terminal.paint));
    return valid ? exitCodes.ok : exitCodes.failure;
  },
});

async function withPayer<T>(
  call: Call<typeof options>,
  work: (fetching: typeof fetch, payer: Payer | undefined) => Promise<T>,
): Promise<T> {
  const { values } = call;
  const tap = createTap();
  const network = await openNetwork(call, (inner) => tap.wrap(inner));
  if (!values.pay) return work(network.fetch, undefined);
  const max = values.max === undefined ? await defaultMax(call) : wholeNumber(values.max, '--max');
  if (max === undefined) {
    throw new ImpulsError(
      'invalid-argument',
      'impuls validate --pay needs a limit: the most that it may pay',
      {
        hint: `Add --max <units>, or write {"max": <units>} into ${configFile(call)}.`,
      },
    );
  }
  return withWallet(openWalletIfAny(call, { network }), (wallet) =>
    work(network.fetch, { wallet, tap, max }),
  );
}

function readAddresses(texts: readonly string[]): {
  readonly origin: string;
  readonly paths: readonly string[];
} {
  const urls = texts.map((text) => {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    if (url && /^https?:$/.test(url.protocol)) return url;
    throw new ImpulsError('invalid-argument', `"${text}" is not an address`, {
      hint: 'Use: impuls validate https://news.example',
    });
  });
  const [{ origin } = urls[0]!] = urls;
  if (urls.some((url) => url.origin !== origin)) {
    throw new ImpulsError('invalid-argument', 'the addresses are of several vendors', {
      hint: 'Validate one after the other.',
    });
  }
  const paths = urls.map(({ pathname, search }) => pathname + search).filter((path) => path !== '/');
  return { origin, paths };
}
