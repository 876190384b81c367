import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { createBar } from '../../src/cli/bar.js';
import { createPaint } from '../../src/cli/paint.js';
import { formatTable } from '../../src/cli/table.js';
import { runAttack, type Result } from './attack.js';
import { clientAttacks } from './client-attacks.js';
import { runOverload, type OverloadResult } from './overload.js';
import { serveOverload } from './overload-vendor.js';
import { openSite } from './site.js';
import { vendorAttacks } from './vendors.js';

const help = `npm run attacks -- [options]

Tries every attack of the library against a vendor of two servers, or against a wallet.

  --only <text>      the attacks whose names have it
  --overload         strangers at ten times the honest, for --seconds (10) each with --honest (32) payers
  --quick            the overload for 3 seconds with 16 payers
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
    serve: { type: 'string' },
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

function tableOfOverload({ phases }: OverloadResult): string {
  const right = (head: string) => ({ head, align: 'right' as const });
  const columns = [
    { head: '' },
    ...['served', '503', 'a second', 'p50 ms', 'p99 ms', 'memory MiB'].map(right),
  ];
  const rows = phases.map(({ phase, served, refused, perSecond, p50, p99, rss }) => [
    phase,
    String(served),
    String(refused),
    perSecond.toFixed(0),
    p50.toFixed(1),
    p99.toFixed(1),
    (rss / 2 ** 20).toFixed(0),
  ]);
  return formatTable(
    [...columns, { head: 'strangers heard' }],
    rows.map((row, i) => [...row, JSON.stringify(phases[i]!.heard)]),
    paint,
  );
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
else if (values.serve !== undefined) await serveOverload(values.serve);
else if (values.overload) {
  const result = await runOverload({
    honest: Number(values.honest ?? (values.quick ? 16 : 32)),
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
