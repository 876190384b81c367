import { fromUtf8, equalBytes, utf8 } from '../../core/bytes.js';
import { ImpulsError, isImpulsError } from '../../core/errors.js';
import { sha256 } from '../../core/hash.js';
import type { KeyDocument } from '../../core/key-document.js';
import { limits } from '../../core/limits.js';
import { formatVoucherCode } from '../../core/voucher-code.js';
import { canonicalJson, parseJson, type JsonObject } from '../../core/wire/canonical-json.js';
import { expectObject } from '../../core/wire/json-members.js';
import { jsonReply, type Call, type Header, type Reply } from '../call.js';
import { checkItems, readItems } from '../order-items.js';
import { problemReply } from '../problems.js';
import type { Sale, SaleName, Sales } from './sales.js';

/**
 * Orders for one's own shop, which took the money:
 *
 *   PUT   /impuls/sales/orders/<reference>   {"items":[{"denomination":1000,"count":1}]}   makes the order, once
 *   GET   /impuls/sales/orders/<reference>                                                 what became of it
 *   PATCH /impuls/sales/orders/<reference>   {"state":"held"|"active"|"void"}              of what is not redeemed
 *
 * Each with `Authorization: Bearer <token>`, from one server to another: pages of other origins are told nothing.
 */
export type ShopApi = (call: Call) => Promise<Reply | undefined>;

export interface ShopApiOptions {
  readonly sales: Sales;
  /** SHA-256 of each token. A token has 32 random bytes at least: it cannot be guessed, so failures are not counted. */
  readonly tokens: readonly Uint8Array[];
  /** As published now. */
  readonly document: () => KeyDocument;
  /** Milliseconds since 1970. Default `Date.now`. */
  readonly clock?: () => number;
  /** Hears of failures that no answer can tell. Errors hold no secret. Default: nobody. */
  readonly onError?: (error: unknown) => void;
}

export const ordersPath = '/impuls/sales/orders/';
const reference = /^[A-Za-z0-9._~-]{1,128}$/;

/** What a shop sends. @param token ASCII */
export function hashToken(token: string): Uint8Array {
  return sha256(utf8(`impuls/1 shop token${token}`));
}

/** @returns undefined for any other path */
export function createShopApi({
  sales,
  tokens,
  document,
  clock = Date.now,
  onError = () => {},
}: ShopApiOptions): ShopApi {
  async function put(name: SaleName, json: JsonObject): Promise<Reply> {
    const items = readItems(json['items']);
    const known = await sales.read(name);
    // A sale that was told before is told again, whatever is sold now.
    if (!known) checkItems(document(), items, Math.floor(clock() / 1000));
    const sale = await sales.sell(name, items);
    return reply(known ? 200 : 201, name, sale);
  }

  async function patch(name: SaleName, json: JsonObject): Promise<Reply> {
    const wanted = json['state'];
    if (wanted !== 'held' && wanted !== 'active' && wanted !== 'void') {
      throw new ImpulsError('malformed', 'state is "held", "active" or "void"');
    }
    const sale = await sales.change(name, wanted === 'active' ? 'free' : wanted);
    if (!sale) return notThere();
    return sale.state === wanted
      ? reply(200, name, sale)
      : problem(409, 'Conflict', `The order is ${sale.state}.`);
  }

  function reply(status: number, { reference }: SaleName, { items, state, code }: Sale): Reply {
    const secrets = state === 'active' ? { code: formatVoucherCode(code), link: sales.linkOf(code) } : {};
    const listed = items.map(({ denomination, count }) => ({ denomination, count }));
    return jsonReply(status, canonicalJson({ reference, items: listed, state, ...secrets }));
  }

  async function answer(call: Call, name: SaleName): Promise<Reply> {
    switch (call.method) {
      case 'GET':
      case 'HEAD': {
        const sale = await sales.read(name);
        return sale ? reply(200, name, sale) : notThere();
      }
      case 'PUT':
        return put(name, await readBody(call));
      case 'PATCH':
        return patch(name, await readBody(call));
      default:
        return problemReply('method-not-allowed', 'GET, PUT or PATCH.', [['Allow', 'GET, HEAD, PUT, PATCH']]);
    }
  }

  return async (call) => {
    if (!call.target.startsWith(ordersPath)) return undefined;
    if (!isKnown(call.header('authorization'), tokens)) return unauthorized();
    const name = call.target.slice(ordersPath.length);
    if (!reference.test(name)) {
      return problemReply('malformed', 'A reference has 1 to 128 letters, digits and any of . _ ~ -');
    }
    try {
      return await sales.inTurn(() => answer(call, { channel: 'shop', reference: name }));
    } catch (error) {
      return failed(error, onError);
    }
  };
}

/** All are compared, so that the time tells nothing. */
function isKnown(header: string | undefined, tokens: readonly Uint8Array[]): boolean {
  const token = /^Bearer ([\x21-\x7e]{1,256})$/i.exec(header ?? '')?.[1];
  if (token === undefined) return false;
  const hash = hashToken(token);
  return tokens.filter((known) => equalBytes(known, hash)).length > 0;
}

async function readBody(call: Call): Promise<JsonObject> {
  return expectObject(parseJson(fromUtf8(await call.body(limits.endpointBytes))), 'the request');
}

function problem(status: number, title: string, detail: string, headers: readonly Header[] = []): Reply {
  return {
    status,
    headers: [['Content-Type', 'application/problem+json'], ['Cache-Control', 'no-store'], ...headers],
    body: JSON.stringify({ status, title, detail }),
  };
}

function unauthorized(): Reply {
  return problem(401, 'Unauthorized', 'A bearer token of this vendor is needed.', [
    ['WWW-Authenticate', 'Bearer realm="impuls sales"'],
  ]);
}

function notThere(): Reply {
  return problemReply('not-found', 'There is no order of that reference.');
}

function failed(error: unknown, onError: (error: unknown) => void): Reply {
  if (isImpulsError(error, 'order-mismatch'))
    return problem(409, 'Conflict', 'The reference was used before, with other items.');
  if (isImpulsError(error, 'invalid-argument') || isImpulsError(error, 'malformed')) {
    const { message, hint } = error;
    return problemReply('malformed', `${message}.${hint === undefined ? '' : ` ${hint}`}`);
  }
  if (isImpulsError(error, 'too-large')) return problemReply('body-too-large');
  onError(error);
  return problemReply('ledger-unavailable', 'Send the same request again.', [['Retry-After', '1']]);
}
