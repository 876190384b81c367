import { ImpulsError } from '../../core/errors.js';
import { canonicalJson, parseJson, type JsonObject, type JsonValue } from '../../core/wire/canonical-json.js';
import type { HeaderList } from './config.js';

/** What an API says of itself in OpenAPI 3, with prices in it. */

const maxBytes = 4 << 20;
const patienceMs = 5000;
const operations = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch'];

/** @throws ImpulsError `network` if the upstream does not answer with an OpenAPI 3 document in JSON of up to 4 MiB */
export async function fetchApiDocument(url: URL, headers: HeaderList): Promise<JsonObject> {
  const failed = (what: string, cause?: unknown): ImpulsError =>
    new ImpulsError('network', `the upstream's description of its API ${what}`, {
      cause,
      hint: 'Say in `openapi` of the price list where it is, or leave it out.',
    });
  let text: string;
  try {
    const response = await fetch(url, {
      headers: [['accept', 'application/json'], ...headers] as Array<[string, string]>,
      signal: AbortSignal.timeout(patienceMs),
    });
    if (!response.ok) throw failed(`is not at ${url.pathname}: ${response.status}`);
    text = await readText(response);
  } catch (cause) {
    throw cause instanceof ImpulsError ? cause : failed('cannot be read', cause);
  }
  let document: JsonValue;
  try {
    document = parseJson(text);
  } catch (cause) {
    throw failed('is no JSON', cause);
  }
  const version = isObject(document) && document['openapi'];
  if (typeof version !== 'string' || !version.startsWith('3.')) throw failed('is not OpenAPI 3');
  return document as JsonObject;
}

async function readText(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > maxBytes)
      throw new ImpulsError('network', `the upstream's description of its API is longer than 4 MiB`);
  }
  return text;
}

/** An operation as the vendor lists it. */
export interface ListedOperation {
  readonly method: string;
  readonly path: string;
}

export interface Merging {
  /** Where the upstream is. */
  readonly upstream: URL;
  /** The route of the price list that an operation falls under; undefined for one that is free. */
  readonly routeOf: (method: string, path: string) => readonly ListedOperation[] | undefined;
}

/**
 * The upstream's description, with what the vendor's own says of payments: on each of its operations that has a price, the 402 and the
 * offers. Paths of the vendor's that stand for none of the upstream's are added.
 *
 * @param own what the vendor says of itself
 */
export function mergeApiDocuments(own: string, theirs: JsonObject, { upstream, routeOf }: Merging): string {
  const ours = parseJson(own) as JsonObject;
  const ourPaths = objectOf(ours['paths']);
  const prefix = prefixOf(theirs, upstream);
  const named = new Set<string>();
  const paths: Record<string, JsonValue> = {};
  for (const [path, item] of Object.entries(objectOf(theirs['paths']))) {
    if (!isObject(item)) continue;
    const here = prefix + path;
    const priced: Record<string, JsonValue> = { ...item };
    for (const method of operations) {
      const operation = item[method];
      if (!isObject(operation)) continue;
      const listed = routeOf(method.toUpperCase(), here)
        ?.map((one) => ({ one, ours: objectOf(ourPaths[one.path])[one.method.toLowerCase()] }))
        .find((one) => isObject(one.ours));
      if (!listed) continue;
      named.add(`${listed.one.method} ${listed.one.path}`);
      priced[method] = withPrice(operation, listed.ours as JsonObject);
    }
    paths[here] = priced;
  }
  for (const [path, item] of Object.entries(ourPaths)) {
    for (const [method, operation] of Object.entries(objectOf(item))) {
      if (named.has(`${method.toUpperCase()} ${path}`)) continue;
      paths[path] = { ...objectOf(paths[path]), [method]: operation };
    }
  }
  const extensions = Object.entries(ours).filter(([name]) => name.startsWith('x-'));
  return canonicalJson({
    ...theirs,
    ...Object.fromEntries(extensions),
    info: { ...objectOf(ours['info']), ...objectOf(theirs['info']) },
    servers: ours['servers'] ?? [],
    paths,
  });
}

function withPrice(operation: JsonObject, ours: JsonObject): JsonObject {
  const extensions = Object.entries(ours).filter(([name]) => name.startsWith('x-'));
  return {
    ...operation,
    ...Object.fromEntries(extensions),
    responses: {
      ...objectOf(operation['responses']),
      '402': objectOf(ours['responses'])['402'] ?? { description: 'Payment Required' },
    },
  };
}

/** What stands before the upstream's paths here: its servers may name a path, and so may the price list. */
function prefixOf(document: JsonObject, upstream: URL): string {
  const servers = document['servers'];
  const [first] = Array.isArray(servers) ? (servers as readonly JsonValue[]) : [];
  const named = isObject(first) ? first['url'] : undefined;
  if (typeof named !== 'string' || /[{}]/.test(named) || !URL.canParse(named, upstream)) return '';
  const base = upstream.pathname.replace(/\/$/, '');
  const path = new URL(named, upstream).pathname.replace(/\/$/, '');
  return path.startsWith(base) ? path.slice(base.length) : '';
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function objectOf(value: JsonValue | undefined): JsonObject {
  return isObject(value) ? value : {};
}
