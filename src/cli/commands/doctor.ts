import { resolve } from 'node:path';
import { defineCommand } from '../command.js';
import { formatChecks } from '../doctor/check.js';
import { lookOver } from '../doctor/look-over.js';
import { exitCodes } from '../exit-codes.js';

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
    const healthy = checks.every(({ verdict }) => verdict !== 'fail');
    if (terminal.json) terminal.printJson({ folder, healthy, checks });
    else terminal.print(formatChecks(checks, terminal.paint));
    return healthy ? exitCodes.ok : exitCodes.failure;
  },
});
