import { canonicalJson, type JsonValue } from '../core/wire/canonical-json.js';
import type { KeyDocument } from '../core/key-document.js';
import type { Route, RouteListing } from './gate.js';

/** What crawlers and agents read: draft-payment-discovery-00. */

export interface ListedRoute extends Route {
  readonly listing: RouteListing;
}

export function describeApi(document: KeyDocument, routes: readonly ListedRoute[]): string {
  const paths: Record<string, Record<string, JsonValue>> = {};
  for (const route of routes) {
    const { method, path } = route.listing;
    (paths[path] ??= {})[method.toLowerCase()] = operation(document, route);
  }
  return canonicalJson({
    openapi: '3.1.0',
    info: { title: document.name, version: '1' },
    servers: [{ url: document.origin }],
    'x-service-info': { docs: { llms: '/llms.txt' } },
    paths,
  });
}

function operation(document: KeyDocument, route: ListedRoute): JsonValue {
  const { path, summary } = route.listing;
  const parameters = [...path.matchAll(/\{([^}]+)\}/g)].map(([, name]): JsonValue => {
    return { in: 'path', name: name!, required: true, schema: { type: 'string' } };
  });
  const amount = typeof route.price === 'number' ? String(route.price) : null;
  const offer = (intent: string): JsonValue => ({
    intent,
    method: 'impuls',
    amount,
    currency: document.unit.code,
  });
  return {
    ...(summary === undefined ? {} : { summary }),
    ...(parameters.length === 0 ? {} : { parameters }),
    responses: {
      '200': { description: 'What was paid for, with a Payment-Receipt' },
      '402': { description: 'Payment Required' },
    },
    'x-payment-info': { offers: [offer('session'), offer('charge')] },
  };
}

export function describeForModels(document: KeyDocument, routes: readonly ListedRoute[]): string {
  const { code, currency, value } = document.unit;
  const lines = routes.map(({ listing, price }) => {
    const cost = typeof price === 'number' ? `${price} ${code}s` : `a price in ${code}s that the 402 tells`;
    return `- ${listing.method.toUpperCase()} ${listing.path}: ${cost}${listing.summary ? `. ${listing.summary}` : ''}`;
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
    '## Keys',
    '',
    `- ${document.origin}/.well-known/impuls`,
    '',
  ].join('\n');
}
