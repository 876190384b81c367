import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ImpulsError } from '../../core/errors.js';
import type { ActivityKind, FailureGauge, Totals } from '../../server/index.js';
import { issuingKeys } from '../../core/key-life.js';
import type { KeyDocument } from '../../core/key-document.js';
import type { ServedRequest } from './observing.js';

/**
 * Numbers for Prometheus, on a port of this machine. Labels are classes of routes, statuses and verdicts: of no person, card, code or
 * address. Needs the package `prom-client`.
 */
export interface Metrics {
  countRequest(request: ServedRequest): void;
  countAnswer(kind: ActivityKind): void;
  countError(): void;
  /** Serves `/metrics`. @returns the address @throws ImpulsError `network` if the port is taken */
  listen(port: number, source: MetricsSource): Promise<string>;
  close(): Promise<void>;
}

/** What is asked whenever somebody reads the numbers. */
export interface MetricsSource {
  readonly document: () => KeyDocument;
  readonly failures: () => FailureGauge;
  readonly totals: () => Promise<Totals>;
  /** The issuing keys that are quarantined. */
  readonly held: () => Promise<readonly string[]>;
}

const host = '127.0.0.1';
/** Seconds; a payment takes about one millisecond. */
const buckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 2.5, 10];

/** @param clock milliseconds since 1970 @throws ImpulsError `invalid-argument` where the package is missing */
export async function createMetrics(clock: () => number = Date.now): Promise<Metrics> {
  const { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } = await loadClient();
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const requests = new Counter({
    name: 'impuls_requests_total',
    help: 'Requests answered, by class of route; status 0 where the caller was gone',
    labelNames: ['route', 'method', 'status'] as const,
    registers,
  });
  const seconds = new Histogram({
    name: 'impuls_request_seconds',
    help: 'Time to the end of the answer; claimed: with a payment',
    labelNames: ['route', 'claimed'] as const,
    buckets,
    registers,
  });
  const answers = new Counter({
    name: 'impuls_answers_total',
    help: 'Verdicts on claims, and what became of redemptions',
    labelNames: ['answer'] as const,
    registers,
  });
  const errors = new Counter({
    name: 'impuls_errors_total',
    help: 'Failures that no answer could tell',
    registers,
  });
  const gauge = (name: string, help: string): InstanceType<typeof Gauge<string>> =>
    new Gauge({ name: `impuls_${name}`, help, registers });
  const gauges = {
    orders: gauge('orders', 'Orders made, codes of batches among them'),
    served: gauge('orders_served', 'Orders redeemed'),
    cards: gauge('cards', 'Cards activated'),
    units: gauge('card_units', 'Units of all cards activated'),
    spent: gauge('card_units_spent', 'Units held by claims'),
    wrong: gauge('wrong_codes', 'Wrong vouchers that are not forgiven yet'),
    limit: gauge('wrong_codes_limit', 'Where every voucher is refused'),
    held: gauge('quarantined_keys', 'Issuing keys whose cards are held since a restore'),
  };
  const ends = new Gauge({
    name: 'impuls_issuing_key_end_seconds',
    help: 'When the last key for these cards ends, Unix time',
    labelNames: ['denomination'] as const,
    registers,
  });
  let closing = async (): Promise<void> => {};

  async function collect({ document, failures, totals, held }: MetricsSource): Promise<string> {
    const { orders, ordersServed, cards, units, spent } = await totals();
    gauges.orders.set(orders);
    gauges.served.set(ordersServed);
    gauges.cards.set(cards);
    gauges.units.set(units);
    gauges.spent.set(spent);
    const { level, limit } = failures();
    gauges.wrong.set(level);
    gauges.limit.set(limit);
    gauges.held.set((await held()).length);
    ends.reset();
    for (const { denomination, notAfter } of issuingKeys(document(), Math.floor(clock() / 1000))) {
      const labels = { denomination: String(denomination) };
      const { values } = await ends.get();
      const before = values.find((value) => value.labels.denomination === labels.denomination)?.value ?? 0;
      ends.set(labels, Math.max(before, notAfter));
    }
    return registry.metrics();
  }

  return {
    countRequest({ route, method, status, seconds: took, claimed }) {
      requests.inc({ route, method, status: String(status) });
      seconds.observe({ route, claimed: String(claimed) }, took);
    },
    countAnswer: (answer) => answers.inc({ answer }),
    countError: () => errors.inc(),

    async listen(port, source) {
      const server = createServer((req, res) => {
        answer(req, res, registry.contentType, () => collect(source)).catch(() => res.destroy());
      });
      await new Promise<void>((resolve, reject) => {
        server.once('error', (cause) => reject(taken(port, cause))).listen(port, host, resolve);
      });
      closing = () =>
        new Promise((resolve) => {
          server.close(() => resolve());
          server.closeAllConnections();
        });
      return `http://${host}:${(server.address() as AddressInfo).port}/metrics`;
    },
    close: () => closing(),
  };
}

async function answer(
  req: IncomingMessage,
  res: ServerResponse,
  type: string,
  collect: () => Promise<string>,
): Promise<void> {
  // A page that got a name of its own to lead here must not read them.
  if (!/^(?:127\.0\.0\.1|localhost)(?::\d+)?$/.test(req.headers.host ?? '')) {
    res.writeHead(403).end();
    return;
  }
  if (req.url !== '/metrics' || req.method !== 'GET') {
    res.writeHead(404).end();
    return;
  }
  const body = await collect();
  res.writeHead(200, { 'Content-Type': type, 'Cache-Control': 'no-store' }).end(body);
}

function taken(port: number, cause: unknown): ImpulsError {
  return new ImpulsError('network', `the metrics cannot be served on port ${port}`, {
    cause,
    hint: 'Choose another port with --metrics.',
  });
}

async function loadClient(): Promise<typeof import('prom-client')> {
  try {
    return (await import('prom-client')).default;
  } catch (cause) {
    throw new ImpulsError('invalid-argument', 'metrics need the package prom-client', {
      cause,
      hint: 'Run npm install prom-client.',
    });
  }
}
