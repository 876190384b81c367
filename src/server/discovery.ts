import { canonicalJson, type JsonObject, type JsonValue } from '../core/wire/canonical-json.js';
import type { Challenge } from '../core/wire/challenge.js';
import { methodName } from '../core/wire/credential.js';
import type { KeyDocument } from '../core/key-document.js';
import type { Route, RouteListing } from './gate.js';

/** What crawlers and agents read: draft-payment-discovery-00. */

export interface ListedRoute extends Route {
  readonly listing: RouteListing;
}

/** What is for sale, and where. */
export interface Listed {
  readonly document: KeyDocument;
  readonly routes: readonly ListedRoute[];
  /** What a 402 of a route would ask for, where its price is a number. */
  readonly challengeFor: (route: ListedRoute, price: number) => Challenge;
}

export function describeApi(listed: Listed): string {
  const { document, routes } = listed;
  const paths: Record<string, Record<string, JsonValue>> = {};
  for (const route of routes) {
    const { method, path } = route.listing;
    (paths[path] ??= {})[method.toLowerCase()] = operation(listed, route);
  }
  return canonicalJson({
    openapi: '3.1.0',
    info: { title: document.name, version: '1' },
    servers: [{ url: document.origin }],
    'x-service-info': { docs: { llms: '/llms.txt' } },
    paths,
  });
}

function operation(listed: Listed, route: ListedRoute): JsonValue {
  const { path, summary, operation: more = {} } = route.listing;
  const parameters = [...givenParameters(more), ...missingParameters(path, more)];
  return {
    ...more,
    ...(summary === undefined ? {} : { summary }),
    ...(parameters.length === 0 ? {} : { parameters }),
    responses: {
      '200': { description: 'What was paid for, with a Payment-Receipt' },
      ...(more['responses'] as JsonObject | undefined),
      '402': { description: 'Payment Required' },
    },
    'x-payment-info': { offers: offersOf(listed, route) },
  };
}

/** The ways in which a route is paid. A price that is a function is told by the 402 alone. */
function offersOf({ document, challengeFor }: Listed, route: ListedRoute): JsonValue[] {
  const { price, charge, listing } = route;
  const fixed = typeof price === 'number';
  const notes = [
    ...(fixed ? [] : [listing.pricing ?? 'The price depends on the request; the 402 tells it']),
    ...(charge === 'capture' ? ['It is the most that is paid: what is not used is returned'] : []),
  ];
  const shared = {
    method: methodName,
    amount: fixed ? String(price) : null,
    currency: document.unit.code,
    ...(notes.length === 0 ? {} : { description: notes.map((note) => `${note}.`).join(' ') }),
  };
  const challenge = fixed && { challenge: challengeToJson(challengeFor(route, price)) };
  return [
    { ...shared, intent: 'session', ...challenge },
    { ...shared, intent: 'charge' },
  ];
}

function challengeToJson({ id, realm, method, intent, request, expires }: Challenge): JsonValue {
  return { id, realm, method, intent, request, ...(expires === undefined ? {} : { expires }) };
}

function givenParameters(more: JsonObject): readonly JsonValue[] {
  return Array.isArray(more['parameters']) ? (more['parameters'] as readonly JsonValue[]) : [];
}

/** OpenAPI wants every part of a path in braces named. */
function missingParameters(path: string, more: JsonObject): JsonValue[] {
  const given = givenParameters(more).map((parameter) => {
    const { name, in: place } = parameter as JsonObject;
    return place === 'path' ? name : undefined;
  });
  return [...path.matchAll(/\{([^}]+)\}/g)].flatMap(([, name]) =>
    given.includes(name) ? [] : [{ in: 'path', name: name!, required: true, schema: { type: 'string' } }],
  );
}

export function describeForModels({ document, routes }: Pick<Listed, 'document' | 'routes'>): string {
  const { code, currency, value } = document.unit;
  const lines = routes.map(({ listing, price, charge }) => {
    const { method, path, summary, pricing } = listing;
    const most = charge === 'capture' ? 'at most ' : '';
    const cost =
      typeof price === 'number'
        ? `${most}${price} ${price === 1 ? code : `${code}s`}`
        : (pricing ?? `a price in ${code}s that the 402 tells`);
    return `- ${method.toUpperCase()} ${path}: ${cost}${summary ? `. ${summary}` : ''}`;
  });
  return [
    `# ${document.name}`,
    '',
    `> Paid per request out of a pre-paid impuls card. One ${code} is worth ${value} ${currency}.`,
    '',
    'A request without payment is answered 402 with a `WWW-Authenticate: Payment` challenge, method `impuls`.',
    'Redeem a voucher once (`impuls redeem`), then fetch with `impuls fetch --max <units> <url>`.',
    '',
    '## Paid routes',
    '',
    ...(lines.length > 0 ? lines : ['None is listed.']),
    '',
    '## More',
    '',
    `- [The API with its prices](${document.origin}/openapi.json)`,
    `- [The keys of the cards](${document.origin}/.well-known/impuls)`,
    '',
  ].join('\n');
}
