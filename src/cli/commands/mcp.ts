import { mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { checkCaps, type BudgetStorage } from '../../adapters/mcp/budget.js';
import { ImpulsError } from '../../core/errors.js';
import { exists, writeDurably } from '../../node/durable-file.js';
import { defineCommand, wholeNumber } from '../command.js';
import {
  defaultMax,
  networkOption,
  openNetwork,
  openWalletIfAny,
  walletFile,
  walletOption,
} from '../wallet-place.js';

const options = {
  max: {
    type: 'string',
    value: '<units>',
    help: 'The most for one call; required unless config.json says it',
  },
  'per-day': { type: 'string', value: '<units>', help: 'The most for all calls of a day (UTC); required' },
  'per-vendor': {
    type: 'string',
    value: '<units>',
    help: 'The most of a day for one vendor; default as --per-day',
  },
  vendor: {
    type: 'string',
    value: '<origin>',
    multiple: true,
    help: 'A vendor that may be paid; default: all that the wallet has cards of',
  },
  ...walletOption,
  ...networkOption,
} as const;

export const mcp = defineCommand({
  name: 'mcp',
  summary: 'Give an agent the wallet: an MCP server on stdin and stdout, with hard caps',
  usage: '--max <units> --per-day <units> [options]',
  options,
  words: [0, 0],
  notes: [
    'The agent can look at prices, pay, and see what is left. Nothing that it says raises a cap. The count of a day is',
    'in <wallet>.agent and outlives this process; what a call may cost at most counts from before it is sent. The wallet',
    'is open only while a call is under way, so that you can use it beside.',
    '',
    'What lies in the wallet is the last cap: give an agent a wallet of its own (--wallet).',
  ].join('\n'),
  examples: ['impuls mcp --wallet agent.wallet --max 5 --per-day 100'],
  async run(call) {
    const { values, stdin } = call;
    const perCall = values.max === undefined ? await defaultMax(call) : wholeNumber(values.max, '--max');
    const day = values['per-day'];
    if (perCall === undefined || day === undefined) {
      throw new ImpulsError(
        'invalid-argument',
        `impuls mcp: --${perCall === undefined ? 'max' : 'per-day'} is missing`,
        {
          hint: 'Say what one call and one day may cost at most: impuls mcp --max 5 --per-day 100',
        },
      );
    }
    const perDay = wholeNumber(day, '--per-day');
    const vendorCap = values['per-vendor'];
    const caps = checkCaps({
      perCall,
      perDay,
      ...(vendorCap !== undefined && { perVendor: wholeNumber(vendorCap, '--per-vendor') }),
    });
    const vendors = values.vendor?.map(readOrigin);
    const network = await openNetwork(call);
    const { serveWallet } = await loadServer();
    await serveWallet(
      {
        open: () => openWalletIfAny(call, { network }),
        caps,
        budget: fileBudget(`${walletFile(call)}.agent`),
        fetch: network.fetch,
        ...(vendors && { vendors }),
      },
      stdin,
      process.stdout,
    );
  },
});

/** The count of a day in a file beside the wallet, whose lock it shares. */
function fileBudget(path: string): BudgetStorage {
  return {
    read: async () => ((await exists(path)) ? readFile(path, 'utf8') : undefined),
    async write(text) {
      try {
        await mkdir(dirname(path), { recursive: true, mode: 0o700 });
        await writeDurably(path, text, 0o600);
      } catch (cause) {
        throw new ImpulsError('storage-failed', `${path} cannot be written: nothing was paid`, {
          cause,
          hint: 'Check that the disk has room and that the file is yours.',
        });
      }
    },
  };
}

function readOrigin(text: string): string {
  if (URL.canParse(text) && new URL(text).origin !== 'null') return new URL(text).origin;
  throw new ImpulsError('invalid-argument', `--vendor is an origin, not "${text}"`, {
    hint: 'Write it as in https://news.example.',
  });
}

async function loadServer(): Promise<typeof import('../../adapters/mcp/wallet-stdio.js')> {
  try {
    return await import('../../adapters/mcp/wallet-stdio.js');
  } catch (cause) {
    throw new ImpulsError('unsupported', '@modelcontextprotocol/sdk and zod are not installed', {
      hint: 'Run npm install @modelcontextprotocol/sdk zod.',
      cause,
    });
  }
}
