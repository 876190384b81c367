import { existsSync } from 'node:fs';
import { ImpulsError } from '../../src/core/errors.js';
import { binaries } from './databases.js';

/** What the machine must have, and the packages of Debian that bring it. */
const programs = [
  [`${binaries}/pg_basebackup`, 'postgresql-15'],
  ['/usr/sbin/nginx', 'nginx-light'],
  ['/sbin/ip', 'iproute2'],
  ['/usr/bin/setpriv', 'util-linux'],
] as const;

/** @throws ImpulsError `unsupported` that says what to install */
export function checkMachine(): void {
  const missing = new Set(programs.filter(([path]) => !existsSync(path)).map(([, name]) => name));
  if (missing.size > 0) {
    throw new ImpulsError('unsupported', `this machine has no ${[...missing].join(', no ')}`, {
      hint: `apt-get update && apt-get install -y --no-install-recommends ${[...missing].join(' ')}`,
    });
  }
  if (process.getuid?.() !== 0) {
    throw new ImpulsError('unsupported', 'network namespaces and disks are made by root', {
      hint: 'Run it as root, in a container or a machine of its own: sudo npm run chaos.',
    });
  }
}
