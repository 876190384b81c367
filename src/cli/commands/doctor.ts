import { resolve } from 'node:path';
import { plural } from '../amounts.js';
import { defineCommand } from '../command.js';
import type { Check } from '../doctor/check.js';
import { lookOver } from '../doctor/look-over.js';
import { exitCodes } from '../exit-codes.js';
import type { Paint } from '../paint.js';

export const doctor = defineCommand({
  name: 'doctor',
  summary: 'Look a vendor over: settings, keys, ledger, file modes, disk, clock',
  usage: '[folder] [options]',
  options: {
    online: {
      type: 'boolean',
      help: 'Also ask the origin over the network: TLS, the keys that it serves, its clock',
    },
    log: {
      type: 'string',
      multiple: true,
      value: '<file>',
      help: 'Also read a log, as of the proxy before it: does it give credentials, codes or callers away?',
    },
  },
  words: [0, 1],
  notes:
    'It changes nothing and works beside a running `vendor serve`. It ends with 1 if something fails, so a timer can\nrun it.',
  examples: ['impuls doctor shop', 'impuls doctor shop --online --log /var/log/nginx/access.log'],
  async run({ terminal, values, positionals }) {
    const folder = resolve(positionals[0] ?? '.');
    const checks = await lookOver(folder, values.online ? 'online' : 'local', values.log);
    const failed = checks.filter(({ verdict }) => verdict === 'fail').length;
    const warned = checks.filter(({ verdict }) => verdict === 'warn').length;
    if (terminal.json) terminal.printJson({ folder, healthy: failed === 0, checks });
    else {
      const sum =
        failed + warned === 0
          ? 'All is well.'
          : `${plural(failed, 'failure')}, ${plural(warned, 'warning')}.`;
      terminal.print([...checks.map((check) => format(check, terminal.paint)), '', sum].join('\n'));
    }
    return failed > 0 ? exitCodes.failure : exitCodes.ok;
  },
});

function format({ name, verdict, what, next }: Check, paint: Paint): string {
  const sign = { ok: paint.green('ok  '), warn: paint.yellow('warn'), fail: paint.red('fail') }[verdict];
  return `${sign}  ${name}: ${what}${next === undefined ? '' : `\n      ${paint.cyan('→')} ${next}`}`;
}
