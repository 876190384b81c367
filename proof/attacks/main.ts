import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { createBar } from '../../src/cli/bar.js';
import { createPaint } from '../../src/cli/paint.js';
import { formatTable } from '../../src/cli/table.js';
import { runAttack, type Result } from './attack.js';
import { clientAttacks } from './client-attacks.js';
import { runOverload, sum, type OverloadResult } from './overload.js';
import { serveFloods, type Heard } from './overload-strangers.js';
import { serveOverload } from './overload-vendor.js';
import { openSite } from './site.js';
import { vendorAttacks } from './vendors.js';

const help = `npm run attacks -- [options]

Tries every attack of the library against a vendor of two servers, or against a wallet.

  --only <text>      the attacks whose names have it
  --overload         strangers who ask for ten times what the vendor serves, and more payers than it has places:
                     phases of --seconds (10) with --honest (16) payers, and one with --crowd (1000)
  --quick            the overload in phases of 3 seconds
  --json             the results as JSON
  --out <file>       writes them to a file, too
  --help             this

Ends with 1 if anything did not hold.
`;

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    overload: { type: 'boolean' },
    quick: { type: 'boolean' },
    seconds: { type: 'string' },
    honest: { type: 'string' },
    crowd: { type: 'string' },
    serve: { type: 'string' },
    cards: { type: 'string' },
    flood: { type: 'boolean' },
    json: { type: 'boolean' },
    out: { type: 'string' },
    help: { type: 'boolean' },
  },
});

const paint = createPaint(process.stdout, process.env);

async function runAttacks(): Promise<Result[]> {
  const bar = createBar(process.stderr, paint);
  const wanted = <T extends { readonly name: string }>(attacks: readonly T[]): T[] =>
    attacks.filter(({ name }) => name.includes(values.only ?? ''));
  const clients = wanted(clientAttacks);
  const vendors = wanted(vendorAttacks);
  const results: Result[] = [];
  const total = clients.length + vendors.length;
  const site = await openSite();
  for (const attack of clients) {
    bar.update(attack.name, results.length, total);
    results.push(await runAttack('client', attack, site, () => site.spent()));
  }
  await site.close();
  for (const attack of vendors) {
    bar.update(attack.name, results.length, total);
    results.push(await runAttack('vendor', attack, undefined));
  }
  bar.clear();
  return results;
}

function tableOf(results: readonly Result[]): string {
  const rows = results.map(({ name, by, tries, outcome, broken }) => [
    by,
    name,
    String(tries),
    broken.length === 0
      ? `${paint.green('held')}  ${outcome}`
      : `${paint.red('BROKEN')}  ${broken.join('; ')}`,
  ]);
  const head = [{ head: 'dishonest' }, { head: 'attack' }, { head: 'tries', align: 'right' as const }];
  return formatTable([...head, { head: 'outcome' }], rows, paint);
}

function tableOfOverload({ phases, shed, books }: OverloadResult): string {
  const right = (head: string) => ({ head, align: 'right' as const });
  const text = ({ statuses }: Heard): string =>
    Object.entries(statuses)
      .map(([status, count]) => `${status} × ${count}`)
      .join(', ');
  const payers = formatTable(
    [
      { head: 'honest payers' },
      ...['claims served', 'a second', 'p50 ms', 'p99 ms', '503', 'dropped', 'vendor MiB', 'CPU %'].map(
        right,
      ),
    ],
    phases.map(({ phase, served, perSecond, p50, p99, refused, dropped, rss, vendorCpu }) => [
      phase,
      String(served),
      perSecond.toFixed(0),
      p50.toFixed(1),
      p99.toFixed(1),
      String(refused),
      String(dropped),
      (rss / 2 ** 20).toFixed(0),
      (vendorCpu * 100).toFixed(0),
    ]),
    paint,
  );
  const { strangers } = phases.find((one) => Object.keys(one.strangers).length > 0)!;
  const others = formatTable(
    [{ head: 'strangers' }, ...['wanted', 'sent', 'hung up on', 'unanswered'].map(right), { head: 'heard' }],
    [...Object.entries(strangers), ['all', sum(strangers)] as const].map(([name, heard]) => [
      name,
      ...[heard.offered, heard.sent, heard.hungUp, heard.dropped].map(String),
      text(heard),
    ]),
    paint,
  );
  const counts = Object.entries(shed).map(([kind, count]) => `${kind} ${count}`);
  return `${payers}\n${others}\nshed: ${counts.join(', ')}\nunits by the vendor's books ${books.vendor}, by the payers' ${books.payers}`;
}

function finish(results: object, text: string, broken: readonly string[]): void {
  const made = { date: new Date().toISOString(), node: process.version, cpu: cpus()[0]?.model, ...results };
  const json = `${JSON.stringify(made, null, 2)}\n`;
  if (values.out) writeFileSync(values.out, json);
  process.stdout.write(values.json ? json : `${text}\n`);
  if (broken.length > 0) {
    process.stderr.write(`${broken.join('\n')}\n`);
    process.exitCode = 1;
  }
}

if (values.help) process.stdout.write(help);
else if (values.flood) serveFloods();
else if (values.serve !== undefined) {
  const [few = 0, many = 0] = (values.cards ?? '').split(',').map(Number);
  await serveOverload(values.serve, [few, many]);
} else if (values.overload) {
  const result = await runOverload({
    honest: Number(values.honest ?? 16),
    crowd: Number(values.crowd ?? 1000),
    seconds: Number(values.seconds ?? (values.quick ? 3 : 10)),
    onProgress: (phase) => process.stderr.isTTY && process.stderr.write(`${phase} …\n`),
  });
  finish(result, tableOfOverload(result), result.broken);
} else {
  const attacks = await runAttacks();
  const broken = attacks.flatMap(({ name, broken }) => broken.map((what) => `${name}: ${what}`));
  const tries = attacks.reduce((sum, one) => sum + one.tries, 0);
  const held = attacks.filter((one) => one.broken.length === 0).length;
  const sum = `${held} of ${attacks.length} attacks held off, in ${tries} tries`;
  finish({ attacks }, `${tableOf(attacks)}\n${sum}`, broken);
}
