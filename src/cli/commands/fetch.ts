import { createPayingFetch, paymentOf, type Wallet } from '../../client/index.js';
import { ImpulsError } from '../../core/errors.js';
import type { ProtocolName } from '../../core/protocol.js';
import { defineCommand, wholeNumber, type Call } from '../command.js';
import { exitCodes } from '../exit-codes.js';
import { checkWritable, showAnswer } from '../fetching/answer.js';
import { contentKind } from '../fetching/content.js';
import { dryRun, tellFree } from '../fetching/dry-run.js';
import { createKeyShop } from '../fetching/key-shop.js';
import { fetchManifest } from '../fetching/manifest.js';
import { cutOff, networkFailure, unreachable } from '../fetching/network.js';
import { tellPayment } from '../fetching/payment-line.js';
import { prepareRequest, type PreparedRequest } from '../fetching/request.js';
import { fetchSealedFile, readSealed } from '../fetching/sealed-file.js';
import { createTracingFetch } from '../fetching/trace.js';
import {
  configFile,
  defaultMax,
  libraryFile,
  networkOption,
  openNetwork,
  openWalletIfAny,
  walletFile,
  walletOption,
  withWallet,
} from '../wallet-place.js';

const options = {
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
  ...networkOption,
  item: {
    type: 'string',
    value: '<path>',
    multiple: true,
    help: 'Of a manifest of sealed files: fetch this one',
  },
  json: { type: 'boolean', help: 'Write one JSON document: status, headers, body, payment' },
} as const;

export const fetchCommand = defineCommand({
  name: 'fetch',
  summary: 'Fetch a URL, and pay for it if it costs no more than --max',
  usage: '<url> --max <units> [options]',
  options,
  words: [1, 1],
  notes: [
    'Pays once, whatever is lost on the way: a request that was paid is sent again until it is answered. With',
    '--dry-run the request is sent without a payment: what is free is answered, and done.',
    '',
    'A sealed file (its name ends with .sealed) is fetched from any host and opened on the way; its key is bought',
    'once. With -o a download that broke off goes on where it broke. The manifest of sealed files (impuls.json)',
    'shows what there is; with --item, or -o and a folder, they are fetched.',
  ].join('\n'),
  examples: [
    'impuls fetch https://news.example/articles/1 --max 5',
    'impuls fetch https://cdn.example/report.pdf.sealed --max 5 -o report.pdf',
    "impuls fetch https://api.example/ask --max 50 -H 'Content-Type: application/json' -d @question.json -v",
  ],
  async run(call) {
    const { terminal, values, positionals } = call;
    const request = await prepareRequest(positionals[0]!, values, call.stdin);
    const max = values.max === undefined ? await defaultMax(call) : wholeNumber(values.max, '--max');
    const protocol = readProtocol(values.protocol);
    const network = await openNetwork(call, (inner) =>
      values.verbose ? createTracingFetch(inner, terminal.note, terminal.notePaint) : inner,
    );
    const log = values.verbose ? (line: string) => terminal.note(`* ${line}`) : undefined;
    if (values.verbose) terminal.note(`* wallet ${walletFile(call)}`);
    const opening = () => openWalletIfAny(call, { network, ...(log && { log }) });
    const kind = contentKind(request, values);
    if (kind) return fetchContent(call, { kind, request, max, protocol, fetching: network.fetch, opening });
    if (values.item) throw noManifest();
    return withWallet(opening(), async (wallet) => {
      if (values['dry-run']) return dryRun(terminal, wallet, request, max, network.fetch);
      if (max === undefined) throw noMax(configFile(call));
      const paying = createPayingFetch({
        wallet,
        limits: { perRequest: max, total: max },
        discovery: 'openapi',
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

interface ContentRequest {
  readonly kind: 'sealed' | 'manifest';
  readonly request: PreparedRequest;
  readonly max: number | undefined;
  readonly protocol: ProtocolName | undefined;
  readonly fetching: typeof fetch;
  readonly opening: () => Promise<Wallet>;
}

/** @returns the exit code */
async function fetchContent(
  call: Call<typeof options>,
  { kind, request, max, protocol, fetching, opening }: ContentRequest,
): Promise<number> {
  const { terminal, values } = call;
  const { url } = request;
  const shop = createKeyShop({
    libraryFile: libraryFile(call),
    withWallet: (work) => withWallet(opening(), work),
    protocol,
  });
  const opened = {
    terminal,
    shop,
    fetch: fetching,
    max() {
      if (max === undefined) throw noMax(configFile(call));
      return max;
    },
    output: values.output,
    json: values.json ?? false,
    silent: values.silent ?? false,
    verbose: values.verbose ?? false,
  };
  if (kind === 'manifest') {
    const intent = values['dry-run'] ? 'show' : 'fetch';
    await fetchManifest(url, { ...opened, wanted: values.item ?? [], intent });
    return exitCodes.ok;
  }
  if (values.item) throw noManifest();
  if (!values['dry-run']) {
    await fetchSealedFile(url, opened);
    return exitCodes.ok;
  }
  const content = await readSealed(url, fetching);
  await content.close();
  if (await shop.held(content.keyUrl)) return tellFree(terminal, request, 'its key was bought before');
  const asked = { ...request, url: new URL(content.keyUrl) };
  return withWallet(opening(), (wallet) => dryRun(terminal, wallet, asked, max, fetching));
}

function noManifest(): ImpulsError {
  return new ImpulsError('invalid-argument', '--item is for the manifest of sealed files', {
    hint: `Name the address of an impuls.json.`,
  });
}

function readProtocol(name: string | undefined): ProtocolName | undefined {
  if (name === undefined || name === 'chain' || name === 'stream') return name;
  throw new ImpulsError('invalid-argument', `--protocol has no "${name}"`, { hint: 'Say chain or stream.' });
}

function noMax(file: string): ImpulsError {
  return new ImpulsError('invalid-argument', 'impuls fetch needs a limit: the most that it may pay', {
    hint: `Add --max <units>, or write {"max": <units>} into ${file}.`,
  });
}
