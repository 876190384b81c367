import { randomBytes } from 'node:crypto';
import { HmacKey } from '../../core/hash.js';
import { worthOf, type KeyDocument } from '../../core/key-document.js';
import { formatVoucherCode } from '../../core/voucher-code.js';
import type { PrintableCode } from '../../node/printing/codes-file.js';
import type { VendorFolder } from '../../node/vendor/folder.js';
import { printBatch } from '../../server/batches.js';
import type { BatchTerms } from '../../server/index.js';
import { formatDay } from '../amounts.js';
import type { BatchDesk } from './batch-desk.js';

/** Codes of a new batch that are in the ledger, with all that is printed beside them. */
export interface PrintableCodes {
  readonly batch: number;
  readonly codes: readonly PrintableCode[];
}

/** Makes a batch, share by share. @param terms of one item, as all commands make them @throws ImpulsError `storage-failed` */
export async function* makeBatch(
  desk: BatchDesk,
  { document, keys }: Pick<VendorFolder, 'document' | 'keys'>,
  terms: BatchTerms,
  count: number,
): AsyncGenerator<PrintableCodes, void, undefined> {
  const common = describeTerms(document, terms);
  const random = (length: number): Uint8Array => randomBytes(length);
  for await (const { batch, first, codes } of printBatch(
    desk,
    new HmacKey(keys.voucher),
    random,
    terms,
    count,
  )) {
    yield {
      batch,
      codes: codes.map((code, i) => ({
        serial: first + i,
        code: formatVoucherCode(code),
        link: `${document.origin}/impuls/wallet/#${code}`,
        batch,
        ...common,
      })),
    };
  }
}

/** What is the same on all codes. */
function describeTerms(
  { name, unit }: KeyDocument,
  { items, expires }: BatchTerms,
): Pick<PrintableCode, 'units' | 'worth' | 'expires' | 'cards' | 'vendor'> {
  const [{ denomination, count }] = items as [BatchTerms['items'][number]];
  return {
    units: denomination,
    worth: worthOf(denomination * count, unit),
    expires: formatDay(expires - 1),
    cards: count,
    vendor: name,
  };
}
