import { fromBase64url, toBase64url } from '../core/base64url.js';
import { equalBytes, fromUtf8 } from '../core/bytes.js';
import { issueContext, openEnvelope, orderContext, type EnvelopeContext } from '../core/envelope.js';
import { ImpulsError, isImpulsError, malformed } from '../core/errors.js';
import { limits } from '../core/limits.js';
import { computeStateTag, macState, reportState, signStatement, type CardReport } from '../core/receipt.js';
import { canonicalJson, parseJson, type JsonObject, type JsonValue } from '../core/wire/canonical-json.js';
import { expectObject, expectText } from '../core/wire/json-members.js';
import { problemOfError } from '../core/wire/problem.js';
import { reportToJson, stateToJson } from '../core/wire/state-header.js';
import { cardTools } from './card-tools.js';
import { activate } from './activate.js';
import type { Activity } from './activity.js';
import { redeemable } from './batches.js';
import { jsonReply, type Call, type Reply } from './call.js';
import { issue, readIssueRequest, unknownOrder, type Issuer } from './issue.js';
import type { VendorKeys } from './keys.js';
import type { StoredCard, StoredOrder } from './ledger.js';
import type { Load } from './load.js';
import { overloadedReply, problemReply, unavailableReply } from './problems.js';
import { refuseHeldCard, refuseHeldOrder } from './restored.js';
import type { FailureBudget } from './throttle.js';
import { orderId } from './vouchers.js';

/** The vendor's own endpoints (docs/spec.md §2, §4, §5, §7). */

export interface EndpointContext extends Issuer {
  readonly keys: VendorKeys;
  /** Key documents that an activation may name, D as base64url: the current one and those of the last days. */
  readonly documents: ReadonlySet<string>;
  readonly failures: FailureBudget;
  readonly activity: Activity;
  readonly load: Load;
  /** Milliseconds. */
  readonly clock: () => number;
  readonly onError: (error: unknown) => void;
}

type Endpoint = (context: EndpointContext, value: JsonValue, call: Call) => Promise<Reply>;

const endpoints: Readonly<Record<string, Endpoint>> = {
  order: answerOrder,
  issue: answerIssue,
  activate: answerActivate,
  state: answerState,
  statement: answerStatement,
};

/** Answers a call to one of the endpoints; undefined for any other path. */
export async function answerEndpoint(context: EndpointContext, call: Call): Promise<Reply | undefined> {
  const path = call.target.split('?', 1)[0];
  const name = Object.entries(context.document.endpoints).find(([, at]) => at === path)?.[0];
  const endpoint = name === undefined ? undefined : endpoints[name];
  if (!endpoint) return undefined;
  if (call.method !== 'POST') return problemReply('method-not-allowed', 'POST only.', [['Allow', 'POST']]);
  const { load } = context;
  const shed = (): Reply => {
    context.activity.count('shed');
    return overloadedReply();
  };
  const arriving = load.openBody(call.source ?? '', limits.endpointBytes);
  let body: Uint8Array;
  try {
    body = await call.body(limits.endpointBytes, arriving.take);
  } catch (error) {
    if (isImpulsError(error, 'throttled')) return shed();
    // Whoever breaks off is no failure of the vendor's.
    if (!isImpulsError(error) || error.code === 'network') return problemReply('malformed', 'It broke off.');
    return problemOf(context, error);
  } finally {
    arriving.end();
  }
  const place = load.requests.enter();
  if (!place) {
    await load.hold(call.connection);
    return shed();
  }
  try {
    return await endpoint(context, parseJson(fromUtf8(body)), call);
  } catch (error) {
    return problemOf(context, error);
  } finally {
    place.leave();
  }
}

function problemOf(context: EndpointContext, error: unknown): Reply {
  const code = isImpulsError(error) ? problemOfError(error.code) : null;
  if (!isImpulsError(error) || !code || error.code === 'storage-failed') {
    context.onError(error);
    return unavailableReply();
  }
  return problemReply(
    code,
    error.hint ? `${sentence(error.message)} ${error.hint}` : sentence(error.message),
  );
}

function sentence(message: string): string {
  return `${message.charAt(0).toUpperCase()}${message.slice(1)}.`;
}

function text(value: JsonValue, name: string, maxLength: number): string {
  const member = expectText(expectObject(value, 'the request')[name], name);
  if (member.length > maxLength) throw malformed(`${name} is too long`);
  return member;
}

function activationKey(context: EndpointContext, value: JsonValue): Uint8Array {
  const key = context.keys.activation.get(text(value, 'activation', 32));
  if (!key) {
    throw new ImpulsError('key-retired', 'no such activation key', { hint: 'Fetch the key document again.' });
  }
  return key;
}

async function unseal(
  context: EndpointContext,
  value: JsonValue,
  envelope: EnvelopeContext,
): Promise<JsonValue> {
  const sealed = fromBase64url(text(value, 'sealed', limits.endpointBytes));
  const key = activationKey(context, value);
  await context.load.step();
  const opened = await openEnvelope(key, envelope, sealed);
  return parseJson(fromUtf8(opened));
}

/** Runs what may fail for a wrong voucher within the failure budget of its source. */
async function withinBudget<T>(
  { failures, activity }: EndpointContext,
  call: Call,
  work: () => Promise<T>,
): Promise<T> {
  const isWrong = (error: unknown): boolean => isImpulsError(error, 'order-unknown');
  try {
    return await failures.attempt(call.source ?? '', work, isWrong);
  } catch (error) {
    if (isWrong(error)) activity.count('wrong-code');
    else activity.count(isImpulsError(error, 'throttled') ? 'throttled' : 'redemption-failed');
    throw error;
  }
}

async function answerOrder(context: EndpointContext, value: JsonValue, call: Call): Promise<Reply> {
  const secret = text(await unseal(context, value, orderContext), 'order', 128);
  const order = await withinBudget(context, call, async () => {
    const id = orderId(context.voucherKey, secret);
    const found = await context.ledger.readOrder(id);
    await refuseHeldOrder(context.ledger, found, seconds(context));
    const good = found?.credit?.purpose === 'refund' ? found : redeemable(found, seconds(context));
    if (!good) throw unknownOrder();
    return good;
  });
  const items = order.items.map(({ denomination, count }) => ({ denomination, count }));
  const served = order.served !== undefined;
  return jsonReply(200, canonicalJson({ ...creditOf(order), items, served }));
}

/** What a wallet hears of an order that it has put units to. */
function creditOf({ credit }: StoredOrder): JsonObject {
  if (!credit) return {};
  const { purpose, units, paid } = credit;
  return { credit: { purpose, units, ...(paid !== undefined && { paid }) } };
}

async function answerIssue(context: EndpointContext, value: JsonValue, call: Call): Promise<Reply> {
  const request = readIssueRequest(await unseal(context, value, issueContext));
  const signatures = await withinBudget(context, call, () => issue(context, request, seconds(context)));
  context.activity.count('redeemed');
  return jsonReply(200, canonicalJson({ signatures: signatures.map(toBase64url) }));
}

async function answerActivate(context: EndpointContext, value: JsonValue): Promise<Reply> {
  const document = text(value, 'document', 43);
  if (!context.documents.has(document)) {
    throw new ImpulsError('key-retired', 'that key document is not ours, or too old', {
      hint: 'Fetch the key document again and compare.',
    });
  }
  const key = activationKey(context, value);
  await context.load.step();
  const { card, nonce } = await activate(
    context.document,
    key,
    context.ledger,
    {
      document: fromBase64url(document, 32),
      key: text(value, 'key', 22),
      sealed: fromBase64url(text(value, 'sealed', 4096)),
    },
    seconds(context),
  );
  const state = stateJson(card, 'activate', nonce);
  return jsonReply(200, canonicalJson({ card: card.entry.id, state }));
}

async function answerState(context: EndpointContext, value: JsonValue): Promise<Reply> {
  const { card, nonce } = await authenticate(context, value, 'state');
  return jsonReply(200, canonicalJson(stateJson(card, 'state', nonce)));
}

async function answerStatement(context: EndpointContext, value: JsonValue): Promise<Reply> {
  const { card } = await authenticate(context, value, 'statement');
  const { entry } = card;
  const report = reportOf(card);
  const time = seconds(context);
  const tip = entry.protocol === 'chain' ? card.state.tip : new Uint8Array(0);
  const { origin } = context.document;
  await context.load.step();
  const signature = signStatement(context.keys.statement, {
    origin,
    message: entry.message,
    time,
    tip,
    report,
  });
  const statement = {
    card: entry.id,
    message: toBase64url(entry.message),
    origin,
    state: reportToJson(report),
    time,
    tip: toBase64url(tip),
  };
  return jsonReply(200, canonicalJson({ signature: toBase64url(signature), statement }));
}

/** @throws ImpulsError `card-unknown`, for a wrong tag too: a stranger does not learn which cards there are; `vendor-restored` */
async function authenticate(
  context: EndpointContext,
  value: JsonValue,
  purpose: 'state' | 'statement',
): Promise<{ readonly card: StoredCard; readonly nonce: Uint8Array }> {
  const nonce = fromBase64url(text(value, 'nonce', 22), 16);
  const tag = fromBase64url(text(value, 'tag', 22), 16);
  const card = await context.ledger.readCard(text(value, 'card', 22));
  if (card) {
    const { id, keys } = cardTools(card.entry);
    if (equalBytes(computeStateTag(keys.auth, purpose, id, nonce), tag)) {
      refuseHeldCard(card);
      return { card, nonce };
    }
  }
  throw new ImpulsError('card-unknown', 'no such card is active here');
}

function reportOf(card: StoredCard): CardReport {
  return reportState(card.state, card.entry.expires);
}

function stateJson(card: StoredCard, purpose: 'activate' | 'state', nonce: Uint8Array): JsonValue {
  const report = reportOf(card);
  const { id, keys } = cardTools(card.entry);
  return stateToJson({ verdict: purpose, ...report, mac: macState(keys.state, purpose, id, nonce, report) });
}

function seconds({ clock }: EndpointContext): number {
  return Math.floor(clock() / 1000);
}
