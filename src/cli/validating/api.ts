import { fromUtf8 } from '../../core/bytes.js';
import { isImpulsError } from '../../core/errors.js';
import type { KeyDocument } from '../../core/key-document.js';
import type { JsonObject, JsonValue } from '../../core/wire/canonical-json.js';
import { basePathOf, readPaymentInfo, type PaymentOffer } from '../../core/wire/payment-info.js';
import { plural } from '../amounts.js';
import { fail, ok, warn, type Check } from '../doctor/check.js';
import { ask, mediaType, type Answer, type Probe } from './probe.js';

/** What the vendor says of itself to programs and models: draft-payment-discovery-00. */

/** Something that is to be paid, as it can be asked for. */
export interface Target {
  /** `GET /articles/{id}`. */
  readonly name: string;
  readonly method: string;
  /** Path and query; undefined if the description has no example for a part of it. */
  readonly target: string | undefined;
  /** JSON, as the description has an example of it. */
  readonly body: string | undefined;
  /** Undefined for what was named and not described. */
  readonly offers: readonly PaymentOffer[] | undefined;
}

export interface Described {
  readonly checks: Check[];
  readonly targets: Target[];
}

const httpMethods = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'];

export async function checkApi(probe: Probe, document: KeyDocument | undefined): Promise<Described> {
  const checks: Check[] = [];
  const answer = await ask(probe, '/openapi.json');
  const api = answer && readJson(answer);
  if (!answer || answer.status === 404) {
    const next =
      'Serve a description with prices at /openapi.json: the vendor does, if its own paths reach it.';
    return { checks: [warn('openapi', 'there is no description of the API', next)], targets: [] };
  }
  const next = 'See draft-payment-discovery-00 for what a description with prices has to say.';
  if (answer.status !== 200 || mediaType(answer) !== 'application/json' || !api) {
    const what = `/openapi.json is answered ${answer.status} ${mediaType(answer)}, and not 200 with JSON`;
    return { checks: [fail('openapi', what, next)], targets: [] };
  }
  const { openapi, info, paths } = api;
  const { title, version } = membersOf(info);
  if (typeof openapi !== 'string' || !openapi.startsWith('3.') || !title || !version || !isObject(paths)) {
    const what = 'it is no OpenAPI 3 with info.title, info.version and paths';
    return { checks: [fail('openapi', what, next)], targets: [] };
  }
  const base = basePathOf(api, probe.origin);
  if (base === undefined) {
    const what = 'its first server is at another origin';
    return { checks: [fail('openapi', what, `Name ${probe.origin} in servers.`)], targets: [] };
  }
  const targets: Target[] = [];
  let operations = 0;
  for (const [path, item] of Object.entries(membersOf(paths))) {
    for (const [method, operation] of Object.entries(membersOf(item))) {
      if (!httpMethods.includes(method)) continue;
      operations++;
      const { 'x-payment-info': paid } = membersOf(operation);
      if (paid === undefined) continue;
      const name = `${method.toUpperCase()} ${path}`;
      const read = readOperation(name, membersOf(operation), document);
      checks.push(...read.checks);
      const shared = membersOf(item)['parameters'];
      targets.push({
        name,
        method: method.toUpperCase(),
        target: fillPath(base + path, [...listOf(shared), ...listOf(membersOf(operation)['parameters'])]),
        body: exampleBody(membersOf(operation)),
        offers: read.offers,
      });
    }
  }
  const sum = `${plural(operations, 'operation')}, ${targets.length} to be paid`;
  const none = 'Give paid routes a `listing`, so that programs find them and their prices.';
  const found = targets.length > 0 ? ok('openapi', sum) : warn('openapi', sum, none);
  return { checks: [found, ...checks, checkCaching(answer), ...checkAge(answer)], targets };
}

function checkCaching({ headers }: Answer): Check {
  const names = ['Set-Cookie', 'ETag'].filter((name) => headers.has(name));
  if (names.length === 0) return ok('openapi caching', 'nothing in the answer can name who asked');
  const what = `the description comes with ${names.join(' and ')}, which can name who asked`;
  return warn(
    'openapi caching',
    what,
    'Leave these off: what is offered there is shown with the card that asked.',
  );
}

function checkAge({ headers }: Answer): Check[] {
  const age = /max-age=(\d+)/.exec(headers.get('Cache-Control') ?? '')?.[1];
  if (age === undefined || Number(age) <= 1800) return [];
  const what = `the description may be kept for ${age} seconds, and the challenges in it end before`;
  return [warn('openapi age', what, 'Let it be kept for 300 seconds.')];
}

function readOperation(
  name: string,
  operation: JsonObject,
  document: KeyDocument | undefined,
): { readonly checks: Check[]; readonly offers: PaymentOffer[] | undefined } {
  const label = `${name} description`;
  let offers: PaymentOffer[];
  try {
    offers = readPaymentInfo(operation['x-payment-info']);
  } catch (error) {
    if (!isImpulsError(error)) throw error;
    const next = 'Write {"offers":[{"intent","method","amount","currency"}]}, amount in decimal or null.';
    return { checks: [fail(label, error.message, next)], offers: undefined };
  }
  const ours = offers.filter(({ method }) => method === 'impuls');
  const currency = document?.unit.code;
  if (ours.length === 0) {
    return { checks: [warn(label, 'no offer is for impuls cards', 'Offer method impuls as well.')], offers };
  }
  if (currency !== undefined && ours.some((offer) => offer.currency !== currency)) {
    const what = `the price is not in ${currency}s, which the cards have`;
    return { checks: [fail(label, what, `Name the currency "${currency}".`)], offers };
  }
  if (!('402' in membersOf(operation['responses']))) {
    return { checks: [fail(label, 'it has no answer 402', 'Add "402" to its responses.')], offers };
  }
  const price =
    ours[0]!.amount === null ? 'a price that the 402 tells' : `${ours[0]!.amount} ${currency ?? ''}`;
  return { checks: [ok(label, price.trim())], offers };
}

export async function checkWords(probe: Probe): Promise<Check> {
  const answer = await ask(probe, '/llms.txt');
  const next = 'Serve a text for models at /llms.txt: the vendor does, if its own paths reach it.';
  if (!answer || answer.status !== 200) return warn('llms', 'there is no text for models', next);
  const type = mediaType(answer);
  if (!type.startsWith('text/') || type === 'text/html' || fromText(answer).trim() === '') {
    return warn('llms', `/llms.txt is ${type || 'of no type'}, and not a text`, next);
  }
  return ok('llms', `${plural(answer.body.length, 'byte')} of text for models`);
}

function fromText({ body }: Answer): string {
  try {
    return fromUtf8(body);
  } catch (error) {
    if (isImpulsError(error)) return '';
    throw error;
  }
}

/** Of others, so by the rules of JSON alone. */
function readJson(answer: Answer): JsonObject | undefined {
  try {
    return membersOf(JSON.parse(fromText(answer)) as JsonValue);
  } catch {
    return undefined;
  }
}

/** @returns undefined where a part has no example */
function fillPath(path: string, parameters: readonly JsonValue[]): string | undefined {
  const known = parameters.map((parameter) => membersOf(parameter));
  const example = ({ example, schema }: JsonObject): string | undefined => {
    const value = example ?? membersOf(schema)['example'] ?? membersOf(schema)['default'];
    return typeof value === 'string' || typeof value === 'number' ? String(value) : undefined;
  };
  const missing: string[] = [];
  const filled = path.replace(/\{([^{}]+)\}/g, (_, name: string) => {
    const found = known.find((one) => one['in'] === 'path' && one['name'] === name);
    const value = found && example(found);
    if (value === undefined) missing.push(name);
    return encodeURIComponent(value ?? '');
  });
  const query = new URLSearchParams();
  for (const one of known) {
    const value = one['in'] === 'query' ? example(one) : undefined;
    const key = one['name'];
    if (value !== undefined && typeof key === 'string') query.set(key, value);
  }
  if (missing.length > 0) return undefined;
  return query.size === 0 ? filled : `${filled}?${query.toString()}`;
}

function exampleBody(operation: JsonObject): string | undefined {
  const json = membersOf(membersOf(membersOf(operation['requestBody'])['content'])['application/json']);
  const first = Object.values(membersOf(json['examples']))[0];
  const example = json['example'] ?? membersOf(first)['value'] ?? membersOf(json['schema'])['example'];
  return example === undefined ? undefined : JSON.stringify(example);
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function membersOf(value: JsonValue | undefined): JsonObject {
  return isObject(value) ? value : {};
}

function listOf(value: JsonValue | undefined): readonly JsonValue[] {
  return Array.isArray(value) ? (value as readonly JsonValue[]) : [];
}
