/** What was measured beside the peers, as Markdown and as charts. */
import { barChart, compact, lineChart } from '../chart.mjs';
import { table } from '../tables.mjs';

/** What each row of the first table is: the name, whether it is ours, and what is in it. */
const rows = {
  'impuls-chain': ['impuls `chain`, verdict', 'header, challenge, tag, chain, payment key'],
  'impuls-stream': ['impuls `stream`, verdict', 'the same with a generator'],
  'impuls-chain-gate': ['impuls `chain`, the gate', 'a call at the gate, ledger in memory, receipt'],
  'impuls-stream-gate': ['impuls `stream`, the gate', 'the same with a generator'],
  l402: ['L402', 'macaroon with two caveats, preimage; nothing is spent'],
  'privacy-pass': ['Privacy Pass, blind RSA', 'token, challenge, signature of 2048 bits, nonce in a set'],
  'mppx-trivial': ['mppx, a trivial method', 'the framework and its receipt; the method accepts all'],
  cashu: ['Cashu, one proof', 'token, point under the mint’s own key, secret in a set'],
  'x402-exact': [
    'x402 exact, verification',
    'header, EIP-712 signature; every call to the chain answers at once',
  ],
  'x402-server': ['x402 exact, its server', 'the same through the server, settlement answers at once'],
  'mppx-voucher': ['mppx, voucher of a session', 'header, challenge, signature'],
  'mppx-session': ['mppx, Tempo session', 'the same through the framework, channel in memory, receipt'],
};
const plain = (name) => rows[name][0].replaceAll('`', '');
const isOurs = (name) => name.startsWith('impuls');

const duration = (microseconds) =>
  microseconds >= 1000 ? `${Number((microseconds / 1000).toPrecision(3))} ms` : `${microseconds} µs`;
const times = (value) => `${compact(Number(value.toPrecision(2)))} ×`;
const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;
const kilobytes = (bytes) => `${(bytes / 1000).toFixed(1)} kB`;

const servers = {
  'impuls-chain-sqlite': 'impuls `chain`, durable in SQLite',
  'impuls-stream-sqlite': 'impuls `stream`, durable in SQLite',
  'impuls-chain': 'impuls `chain`, in memory',
  'impuls-stream': 'impuls `stream`, in memory',
  'mppx-trivial': 'mppx, a trivial method',
  'mppx-session': 'mppx, Tempo session, in memory',
  'x402-exact': 'x402 exact, settled at once',
};

const sections = {
  cpu: (cpu) => [
    '### Vendor CPU of an accepted payment',
    table([
      ['', 'CPU', 'times the first', 'what is in it'],
      ...Object.keys(rows)
        .filter((name) => cpu[name])
        .map((name) => [
          rows[name][0],
          duration(cpu[name].microseconds),
          times(cpu[name].times),
          rows[name][1],
        ]),
    ]),
  ],
  amounts: (amounts) => [
    '### The same, by the units of a payment',
    table([
      ['units', ...Object.keys(amounts).map(compactNumber)],
      ...namesOf(amounts).map((name) => [
        rows[name][0],
        ...Object.values(amounts).map((one) => (one[name] ? duration(one[name].microseconds) : '–')),
      ]),
    ]),
  ],
  http: (http) => [
    '### Paid over free behind `node:http`',
    table([
      ['', ...Object.keys(http).map((count) => `${count} connections`), 'server CPU at 64, free / paid'],
      ...Object.keys(servers).map((name) => [
        servers[name],
        ...Object.values(http).map((one) => one[name].ratio),
        http[64]
          ? `${duration(http[64][name].freeServerMicroseconds)} / ${duration(http[64][name].paidServerMicroseconds)}`
          : '–',
      ]),
    ]),
    'What a payment adds to the time of an answer, median and 99th percentile less those of the free route:',
    table([
      ['', ...Object.keys(http).flatMap((count) => [`${count}: p50`, 'p99'])],
      ...Object.keys(servers).map((name) => [
        servers[name],
        ...Object.values(http).flatMap((one) => [`${one[name].addedP50} ms`, `${one[name].addedP99} ms`]),
      ]),
    ]),
    'Bytes that a payment adds to the heads of a request and of its answer:',
    table([
      ['', 'request', 'answer'],
      ...Object.keys(servers).map((name) => {
        const { bytes } = Object.values(http)[0][name];
        return [servers[name], bytes.request, bytes.answer];
      }),
    ]),
  ],
  wire: (wire) => [
    '### Requests on the wire for a payment, counted by a tap',
    table([
      ['', 'to buy', 'the first payment', 'each one after it', 'to the facilitator, each'],
      ...Object.entries(wire).map(([name, one]) => [
        name,
        one.bought ?? '–',
        one.first,
        one.each,
        one.toFacilitator ?? '–',
      ]),
    ]),
  ],
  scale: (scale) => [
    '### A claim on SQLite, by the cards in the ledger',
    table([
      [
        'cards',
        '2,000 active: claims/s',
        'CPU',
        'times 1,000 cards',
        'all active: claims/s',
        'CPU',
        'times',
        'a card on disk',
        'memory',
      ],
      ...scale.map((row) => [
        row.cards.toLocaleString('en'),
        row.perSecond.toLocaleString('en'),
        duration(row.microseconds),
        row.times,
        row.allPerSecond.toLocaleString('en'),
        duration(row.allMicroseconds),
        row.allTimes,
        `${row.bytesOnDisk.toLocaleString('en')} B`,
        `${row.residentMegabytes.toLocaleString('en')} MB`,
      ]),
    ]),
  ],
  memory: ({ account, payment }) => [
    '### What the vendor keeps in memory',
    table([
      ['', 'bytes', 'for each'],
      ...Object.entries(account).map(([name, bytes]) => [name, bytes, 'account, however often it pays']),
      ...Object.entries(payment).map(([name, bytes]) => [name, bytes, 'payment']),
      ['x402 exact, L402', 0, 'the chain keeps it; nothing is kept'],
    ]),
  ],
  size: ({ installs, bundles }) => [
    '### What is installed, and what a page loads to pay',
    table([
      ['', 'packages', 'files', 'client, minified, gzip'],
      ...Object.entries(installs).map(([name, { packages, bytes }]) => [
        name,
        packages,
        megabytes(bytes),
        bundles[name] ? kilobytes(bundles[name]) : '–',
      ]),
    ]),
  ],
};

const compactNumber = (text) => Number(text).toLocaleString('en');
const namesOf = (amounts) => [...new Set(Object.values(amounts).flatMap((one) => Object.keys(one)))];

/** @returns the tables of what is there */
export function writeMarkdown({ machine, ...results }) {
  const parts = [`${machine.cores} cores (${machine.cpu}), Node ${machine.node}.`];
  for (const [name, write] of Object.entries(sections)) {
    if (!results[name]) continue;
    parts.push(
      ...write(results[name]),
      ...(machine.load[name]
        ? [`Load of the machine before and after: ${machine.load[name].join(', ')}.`]
        : []),
    );
  }
  return `${parts.join('\n\n')}\n`;
}

function cpuChart(cpu) {
  const names = Object.keys(rows).filter((name) => cpu[name]);
  names.sort((a, b) => cpu[a].microseconds - cpu[b].microseconds);
  return barChart({
    title: 'What it costs a vendor to accept a payment',
    note: 'CPU from the header to accepted, in process: no network, no chain, no settlement. Medians. Shorter is better.',
    axis: 'µs of CPU',
    rows: names.map((name) => ({
      label: plain(name),
      value: cpu[name].microseconds,
      text: `${duration(cpu[name].microseconds)}${cpu[name].times === 1 ? '' : `, ${times(cpu[name].times)}`}`,
      ours: isOurs(name),
    })),
  });
}

function amountChart(amounts) {
  return lineChart({
    title: 'What it costs a vendor to accept a payment, by its units',
    note: 'A Privacy Pass token is one unit, a Cashu token has a proof for each bit, and a link of a chain is hashed for each unit.',
    x: { kind: 'log', label: 'units of one payment', marks: [1, 10, 100, 1000, 10_000] },
    y: { kind: 'log', label: 'µs of vendor CPU' },
    series: namesOf(amounts).map((name) => ({
      label: plain(name).replace(', verdict', '').replace(', one proof', ''),
      points: Object.entries(amounts)
        .filter(([, one]) => one[name])
        .map(([units, one]) => [Number(units), one[name].microseconds]),
    })),
  });
}

function serverChart(http) {
  const at = http[64];
  return barChart({
    title: 'What a payment adds to a request behind node:http',
    note: 'Server CPU of a paid request less that of a free one, 64 connections, medians of adjacent pairs. Shorter is better.',
    axis: 'µs of CPU',
    rows: Object.keys(servers).map((name) => {
      const added = Number(
        (at[name].paidServerMicroseconds - at[name].freeServerMicroseconds).toPrecision(3),
      );
      const label = servers[name].replaceAll('`', '');
      return { label, value: added, text: duration(added), ours: isOurs(name) };
    }),
  });
}

function scaleChart(scale) {
  return lineChart({
    title: 'A claim on SQLite, as cards grow',
    note: 'CPU of a durable claim, over that of one on a ledger of 1,000 cards asked in turns with it. Medians.',
    x: { kind: 'log', label: 'cards in the ledger' },
    y: { kind: 'linear', label: 'times a ledger of 1,000 cards' },
    series: [
      { label: '2,000 are active', points: scale.map((row) => [row.cards, row.times]) },
      { label: 'all are active', points: scale.map((row) => [row.cards, row.allTimes]) },
    ],
  });
}

/** @returns SVG texts by the names of their files, of what is there */
export function drawCharts({ cpu, amounts, http, scale }) {
  return {
    ...(cpu && { 'peers-cpu.svg': cpuChart(cpu) }),
    ...(amounts && { 'peers-amounts.svg': amountChart(amounts) }),
    ...(http?.[64] && { 'peers-http.svg': serverChart(http) }),
    ...(scale && { 'peers-cards.svg': scaleChart(scale) }),
  };
}
