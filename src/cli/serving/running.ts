import { ImpulsError, isImpulsError } from '../../core/errors.js';
import { worthOf } from '../../core/key-document.js';
import { issuingKeys } from '../../core/key-life.js';
import type { VendorFolder } from '../../node/vendor/folder.js';
import type { Vendor } from '../../server/index.js';
import { formatUnits } from '../amounts.js';
import { wholeNumber, type Values } from '../command.js';
import { formatPairs } from '../table.js';
import type { Terminal } from '../terminal.js';
import { createMetrics } from './metrics.js';
import type { ServedRequest } from './observing.js';
import { createServerLog, readLogFormat, type LogFields } from './server-log.js';
import { untilStopped } from './signals.js';
import { startVendorServer, type Backstop, type PaidEvent, type ServedRoute } from './vendor-server.js';
import { servePages, type ServedPage } from './web-pages.js';

/** Running a vendor's server in a terminal until it is told to stop, whatever it serves. */

/** For commands that do. */
export const servingOptions = {
  database: {
    type: 'string',
    value: '<url>',
    help: 'The ledger is in PostgreSQL, for many servers: postgres://user@host/name; default: $IMPULS_DATABASE',
  },
  name: {
    type: 'string',
    value: '<name>',
    help: 'One of many: 1 to 4 letters or digits, with which the ids of its metered streams begin',
  },
  host: { type: 'string', value: '<host>', help: 'A loopback address; default: that of vendor.json' },
  port: { type: 'string', value: '<port>', help: '0 for any that is free; default: that of vendor.json' },
  'client-header': {
    type: 'string',
    value: '<name>',
    help: 'The header in which the proxy before it says who calls, such as X-Forwarded-For',
  },
  log: {
    type: 'string',
    value: '<json|text>',
    help: 'Log each request to stderr: class of route, status, time; no target, no caller',
  },
  metrics: {
    type: 'string',
    value: '<port>',
    help: 'Serve numbers for Prometheus at http://127.0.0.1:<port>/metrics',
  },
  verbose: {
    type: 'boolean',
    short: 'v',
    help: 'Tell of each payment: request, units, fingerprint of its key',
  },
} as const;

/** What a server has besides the vendor itself. */
export interface Served {
  readonly routes: readonly ServedRoute[];
  readonly openBackstop?: (vendor: Vendor, options: BackstopOptions) => Backstop;
  /** What it serves, for people. @param keys how many content keys are for sale */
  readonly table: (terminal: Terminal, keys: number) => string;
  /** The same for programs: members of the event `ready`. */
  readonly ready?: object;
}

export interface BackstopOptions {
  readonly clientHeader: string | undefined;
  readonly onError: (error: unknown) => void;
  readonly onPaid: (event: PaidEvent) => void;
}

/** @throws ImpulsError `invalid-argument`, `network`, `storage-locked` before it serves */
export async function serveUntilStopped(
  terminal: Terminal,
  values: Values<typeof servingOptions>,
  folder: VendorFolder,
  served: Served,
): Promise<void> {
  const { routes, openBackstop } = served;
  const host = values.host ?? folder.settings.listen.host;
  const port =
    values.port === undefined ? folder.settings.listen.port : wholeNumber(values.port, '--port', 0, 65_535);
  refuseOpenHost(host);
  const clientHeader = values['client-header']?.toLowerCase();
  if (clientHeader !== undefined && !/^[a-z0-9-]+$/.test(clientHeader)) {
    throw new ImpulsError('invalid-argument', `"${clientHeader}" is no name of a header`, {
      hint: 'Say --client-header X-Forwarded-For, or the one that your proxy sets.',
    });
  }
  const log =
    values.log === undefined ? undefined : createServerLog(readLogFormat(values.log), terminal.note);
  const metricsPort =
    values.metrics === undefined ? undefined : wholeNumber(values.metrics, '--metrics', 0, 65_535);
  const metrics = metricsPort === undefined ? undefined : await createMetrics();
  const onError = (error: unknown): void => {
    metrics?.countError();
    if (log) log.error(error);
    else terminal.note(`impuls: ${isImpulsError(error) ? error.message : String(error)}`);
  };
  const onPaid = (event: PaidEvent): void => {
    if (!values.verbose) return;
    const { method, target, verdict, units, fingerprint } = event;
    if (terminal.json) terminal.printJsonLine(event);
    else terminal.print(`${method} ${target} ${verdict} ${formatUnits(units)}, key ${fingerprint}`);
  };
  const pages = await servePages();
  const stopped = untilStopped();
  const server = await startVendorServer(folder, {
    host,
    port,
    database: values.database,
    name: values.name,
    clientHeader,
    routes: [...pages.flatMap(({ routes }) => routes), ...routes],
    ...(openBackstop && {
      openBackstop: (vendor) => openBackstop(vendor, { clientHeader, onError, onPaid }),
    }),
    onError,
    onAnswered: metrics && ((kind) => metrics.countAnswer(kind)),
    onRequest:
      (log ?? metrics) &&
      ((request) => {
        metrics?.countRequest(request);
        log?.write('info', 'request', fieldsOf(request));
      }),
    onPaid,
  });
  try {
    if (metrics && metricsPort !== undefined) {
      const { vendor } = server;
      const address = await metrics.listen(metricsPort, {
        document: () => vendor.document,
        failures: () => vendor.failures,
        totals: () => vendor.totals(),
        held: () => server.quarantined(),
      });
      if (terminal.json) terminal.printJsonLine({ event: 'metrics', address });
      else terminal.print(`Metrics at ${address}`);
    }
  } catch (error) {
    await server.close();
    throw error;
  }
  announce(terminal, folder, server.address, pages, await server.countKeys(), served);
  const held = await server.quarantined();
  if (held.length > 0 && !log) {
    terminal.note('Cards and vouchers from before the restore are held: impuls help vendor quarantine.');
  }
  log?.write('info', 'ready', {
    origin: folder.document.origin,
    address: server.address,
    held: held.length,
  });
  await stopped;
  if (!terminal.json) terminal.note('Stopping: answering what has begun.');
  await metrics?.close();
  await server.close();
  log?.write('info', 'stopped');
  if (terminal.json) terminal.printJsonLine({ event: 'stopped' });
}

function fieldsOf({ method, route, status, seconds, claimed }: ServedRequest): LogFields {
  return { method, route, status, ms: Number((seconds * 1000).toFixed(1)), claim: claimed ? 'yes' : 'no' };
}

function announce(
  terminal: Terminal,
  { path, document, settings }: VendorFolder,
  address: string,
  pages: readonly ServedPage[],
  keys: number,
  served: Served,
): void {
  const { origin, name, unit } = document;
  const cards = issuingKeys(document, Math.floor(Date.now() / 1000));
  const ready = {
    event: 'ready',
    origin,
    address,
    name,
    mode: settings.mode,
    pages: pages.map(({ path, hash }) => ({ path, hash })),
    keys,
    ...served.ready,
  };
  if (new URL(origin).protocol === 'http:' && origin !== address) {
    terminal.note(`Clients look for it at ${origin}, not at ${address}: they will not find it there.`);
  }
  if (terminal.json) {
    terminal.printJsonLine(ready);
    return;
  }
  const { paint } = terminal;
  const tls = origin.startsWith('https:')
    ? `${origin} must lead here: a server that speaks TLS, in front of it`
    : 'plain http, so for this machine only';
  terminal.print(
    [
      `${paint.bold(name)} at ${address}`,
      '',
      formatPairs(
        [
          ['Folder', path],
          ['Reach', tls],
          ...(settings.mode === 'test' ? [['Mode', paint.yellow('test: no money moves')] as const] : []),
          ['Cards', cards.map((key) => `${key.denomination} (${key.epoch})`).join(', ') || 'none are issued'],
          ['Unit', worthOf(1, unit)],
          ...pages.map(
            ({ name, path, hash }) =>
              [
                name === 'wallet' ? 'Wallet' : 'Player',
                `${origin}${path}, build ${hash.slice(0, 16)}`,
              ] as const,
          ),
        ],
        paint,
      ),
      '',
      served.table(terminal, keys),
      '',
      `${paint.green('Ready.')} Stop it with Ctrl+C.`,
    ].join('\n'),
  );
}

function refuseOpenHost(host: string): void {
  if (/^(?:127(?:\.\d{1,3}){3}|::1|localhost)$/.test(host)) return;
  throw new ImpulsError(
    'invalid-argument',
    `${host} is not a loopback address, and plain http must not leave this machine`,
    {
      hint: 'Listen on 127.0.0.1, and put a server that speaks TLS before it.',
    },
  );
}
