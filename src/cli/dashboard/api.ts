import { fromUtf8 } from '../../core/bytes.js';
import { ImpulsError } from '../../core/errors.js';
import { HmacKey } from '../../core/hash.js';
import { parseVoucherCode } from '../../core/voucher-code.js';
import { parseJson, type JsonObject } from '../../core/wire/canonical-json.js';
import { expectObject, expectText, expectUint32 } from '../../core/wire/json-members.js';
import { codesHead, formatCodes, parseCodesFile } from '../../node/printing/codes-file.js';
import { loadPrinting, papers, prepareSheets, type PaperName } from '../../node/printing/sheet.js';
import { openVendorFolder, type VendorFolder } from '../../node/vendor/folder.js';
import { changeCodes } from '../../server/batches.js';
import { orderId } from '../../server/vouchers.js';
import type { BatchTerms, Refund } from '../../server/index.js';
import { parseSerials } from '../batches.js';
import { lookOver } from '../doctor/look-over.js';
import { checkTerms } from '../serving/admin-batches.js';
import { makeBatch } from '../serving/new-batch.js';
import { withDesk, type Desk, type OperatorLedger } from './desk.js';
import type { OperatorCall, OperatorRequest } from './http.js';

/** What the page asks for and does. All of it is about sums, batches and references: nothing tells of a card or of who has it. */

/** Larger batches are made by the command, which keeps the codes in a file from the first on. */
const maxCodes = 10_000;
const maxCodesFile = 32 << 20;
const maxJson = 1 << 16;

export interface ApiOptions {
  /** The vendor folder. */
  readonly folder: string;
  /** Told of what was changed, one line each. */
  readonly onChange: (what: string) => void;
  /** Milliseconds. */
  readonly clock: () => number;
}

export function createApi({ folder: path, onChange, clock }: ApiOptions): Record<string, OperatorCall> {
  const seconds = (): number => Math.floor(clock() / 1000);
  // Without a server each call opens the ledger, which has one owner at a time.
  let last: Promise<unknown> = Promise.resolve();
  function queue<T>(work: () => Promise<T>): Promise<T> {
    const next = last.then(work);
    last = next.catch(() => {});
    return next;
  }
  const use = <T>(work: (desk: Desk, folder: VendorFolder) => Promise<T>): Promise<T> =>
    queue(async () => {
      const folder = await openVendorFolder(path);
      return withDesk(folder, (desk) => work(desk, folder));
    });

  return {
    'GET /api/state': () =>
      use(async ({ ledger, health }, { document, settings }) => ({
        now: seconds(),
        vendor: { name: document.name, origin: document.origin, unit: document.unit, mode: settings.mode },
        keys: {
          cards: document.cards.map(({ id, denomination, epoch, notBefore, notAfter, expires }) => {
            return { id, denomination, epoch, notBefore, notAfter, expires };
          }),
          revoked: document.revoked ?? [],
          policy: document.policy,
        },
        batches: await ledger.readBatches(),
        refunds: (await ledger.readRefunds()).map(({ units, at, paid, held }) => ({ units, at, paid, held })),
        quarantined: (await ledger.quarantined()).length > 0,
        totals: await ledger.totals(),
        server: health,
      })),

    'GET /api/books': () => use(async ({ ledger }) => ({ movements: await ledger.readBooks() })),

    // In turn with the others: it opens the ledger as well.
    'GET /api/health': () => queue(async () => ({ checks: await lookOver(path, 'local') })),

    'POST /api/batches': async (request) => {
      const json = await readJson(request);
      const [units, cards] = [number(json, 'units'), number(json, 'cards')];
      const count = number(json, 'count');
      if (count < 1 || count > maxCodes) {
        throw new ImpulsError('invalid-argument', `here a batch has 1 to ${maxCodes} codes`, {
          hint: 'Use `impuls batch create` for a larger one.',
        });
      }
      return use(async ({ ledger }, folder) => {
        const now = seconds();
        const terms: BatchTerms = {
          label: expectText(json['label'], 'label'),
          items: [{ denomination: units, count: cards }],
          created: now,
          expires: number(json, 'expires'),
        };
        checkTerms(folder.document, terms, now);
        const made = await makeAll(ledger, folder, terms, count);
        onChange(`batch ${made.batch} made: ${count} codes`);
        return made;
      });
    },

    'POST /api/codes': async (request) => {
      const json = await readJson(request);
      const [batch, from, to] = [number(json, 'batch'), number(json, 'from'), number(json, 'to')];
      const state = json['state'];
      if (state !== 'active' && state !== 'void') {
        throw new ImpulsError('malformed', 'a code becomes active or void');
      }
      return use(async ({ ledger }) => {
        const found = (await ledger.readBatches()).find((one) => one.number === batch);
        const size = found ? Object.values(found.codes).reduce((sum, count) => sum + count, 0) : 0;
        if (from < 1 || from > to || to > size) {
          throw new ImpulsError('invalid-argument', 'there are no such serials', {
            hint: size > 0 ? `Say serials within 1 and ${size}.` : 'Load the page again.',
          });
        }
        const changed = await changeCodes(ledger, batch, from, to, state, seconds());
        onChange(`batch ${batch}, serials ${from} to ${to}: ${changed} codes ${state}`);
        return { changed };
      });
    },

    'POST /api/refunds/find': async (request) => {
      const reference = await readReference(request);
      return use(async ({ ledger }, folder) => {
        const { units, at, paid, held } = await findRefund(ledger, folder, reference);
        return { units, at, paid, held };
      });
    },

    'POST /api/refunds/pay': async (request) => {
      const reference = await readReference(request);
      return use(async ({ ledger }, folder) => {
        const { order, units } = await findRefund(ledger, folder, reference);
        const outcome = await ledger.payRefund(order, seconds());
        if (outcome === 'unknown') {
          throw new ImpulsError('invalid-argument', 'that refund is held for now');
        }
        if (outcome === 'paid') onChange(`a refund of ${units} units marked as paid out`);
        return { outcome, units };
      });
    },

    'POST /api/sheets': async (request) => {
      const { query, res } = request;
      const paper = query.get('paper') ?? 'a4';
      if (!Object.hasOwn(papers, paper)) throw new ImpulsError('invalid-argument', 'there is no such paper');
      const serials = query.get('serials');
      const ranges = serials === null ? undefined : parseSerials(serials);
      const all = parseCodesFile(fromUtf8(await request.body(maxCodesFile)));
      const cards = ranges
        ? all.filter(({ serial }) => ranges.some(({ from, to }) => from <= serial && serial <= to))
        : all;
      if (cards.length === 0) {
        throw new ImpulsError('invalid-argument', 'there is no code to print', {
          hint: 'Choose the file of codes of this batch, and serials that are in it.',
        });
      }
      const draw = prepareSheets(await loadPrinting(), cards, { paper: paper as PaperName });
      res.writeHead(200, { 'Content-Type': 'application/pdf' });
      await draw(res);
      return undefined;
    },
  };
}

/** @returns the codes as a file for `batch print`; they are nowhere else @throws ImpulsError, and the codes are void */
async function makeAll(
  ledger: OperatorLedger,
  folder: VendorFolder,
  terms: BatchTerms,
  count: number,
): Promise<{ readonly batch: number; readonly csv: string }> {
  let batch = 0;
  const lines = [codesHead];
  try {
    for await (const share of makeBatch(ledger, folder, terms, count)) {
      batch = share.batch;
      lines.push(formatCodes(share.codes));
    }
  } catch (error) {
    if (batch > 0) await changeCodes(ledger, batch, 1, count, 'void', terms.created).catch(() => {});
    throw error;
  }
  return { batch, csv: lines.join('') };
}

/** @throws ImpulsError `malformed` for what is no reference */
async function readReference(request: OperatorRequest): Promise<string> {
  return parseVoucherCode(expectText((await readJson(request))['reference'], 'reference'));
}

/** By the reference that its owner brings: the ledger has a keyed hash of it. */
async function findRefund(
  ledger: OperatorLedger,
  { keys }: VendorFolder,
  reference: string,
): Promise<Refund> {
  const id = orderId(new HmacKey(keys.voucher), reference);
  const found = (await ledger.readRefunds()).find(({ order }) => order === id);
  if (found) return found;
  throw new ImpulsError('invalid-argument', 'there is no refund of that reference', {
    hint: 'Compare it with what the wallet shows, letter by letter.',
  });
}

async function readJson(request: OperatorRequest): Promise<JsonObject> {
  return expectObject(parseJson(fromUtf8(await request.body(maxJson))), 'the request');
}

function number(json: JsonObject, name: string): number {
  return expectUint32(json[name], name);
}
