import { fromBase64url } from '../../core/base64url.js';
import { ImpulsError, malformed } from '../../core/errors.js';
import type { KeyDocument } from '../../core/key-document.js';
import type { JsonObject } from '../../core/wire/canonical-json.js';
import { expectArray, expectText, expectUint32 } from '../../core/wire/json-members.js';
import type { BatchTerms, Ledger } from '../../server/index.js';
import { checkItems, readItems } from './items.js';

/** The requests of the admin socket that are about batches: a call of the ledger each, bounded and checked. */

const maxLabel = 100;
const maxCodesAtOnce = 10_000;
const maxSerialsAtOnce = 10_000;

/** @param now Unix seconds @throws ImpulsError `invalid-argument` */
export function checkTerms(document: KeyDocument, { label, items, expires }: BatchTerms, now: number): void {
  checkItems(document, items, now);
  if (label.length > maxLabel || /\p{Cc}/u.test(label)) {
    throw new ImpulsError('invalid-argument', `a label is one line of at most ${maxLabel} characters`);
  }
  if (expires <= now) {
    throw new ImpulsError('invalid-argument', 'these codes would have expired already', {
      hint: 'Say a later day with --expires.',
    });
  }
}

/** @returns undefined for a request that is not about batches */
export async function answerBatches(
  ledger: Ledger,
  document: KeyDocument,
  json: JsonObject,
  now: number,
): Promise<{ readonly result: unknown } | undefined> {
  const number = (name: string): number => expectUint32(json[name], name);
  switch (json['do']) {
    case 'batches':
      return { result: await ledger.readBatches() };
    case 'create-batch': {
      const terms: BatchTerms = {
        label: expectText(json['label'], 'label'),
        items: readItems(json['items']),
        created: number('created'),
        expires: number('expires'),
      };
      checkTerms(document, terms, now);
      return { result: await ledger.createBatch(terms) };
    }
    case 'add-codes': {
      const orders = expectArray(json['orders'], 'orders');
      if (orders.length > maxCodesAtOnce) throw malformed(`at most ${maxCodesAtOnce} codes at once`);
      const ids = orders.map((order) => {
        const id = expectText(order, 'an order');
        fromBase64url(id, 32);
        return id;
      });
      return { result: await ledger.addCodes(number('batch'), number('first'), ids) };
    }
    case 'change-codes': {
      const state = json['state'];
      if (state !== 'active' && state !== 'void') throw malformed('a code becomes active or void');
      const [from, to] = readSerials(number);
      return { result: await ledger.changeCodes(number('batch'), from, to, state, now) };
    }
    case 'codes':
      return { result: await ledger.readCodes(number('batch'), ...readSerials(number)) };
    default:
      return undefined;
  }
}

function readSerials(number: (name: string) => number): [from: number, to: number] {
  const [from, to] = [number('from'), number('to')];
  if (to - from >= maxSerialsAtOnce) throw malformed(`at most ${maxSerialsAtOnce} serials at once`);
  return [from, to];
}
