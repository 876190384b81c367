import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { parseVoucherCode } from '../../core/voucher-code.js';
import { plural } from '../amounts.js';
import { fail, ok, warn, type Check } from './check.js';

/**
 * What a log gives away, such as that of the proxy before a vendor: credentials and codes are money, and the address of a caller beside
 * the time of a payment leads from one to the other.
 */

/** Lines of a log that are read, from its beginning. */
const maxLines = 200_000;
const credential = /\bPayment (?:eyJ|id=)[\w"-]{8,}/i;
const code = /(?<![\w-])[0-9a-z]{5}(?:-?[0-9a-z]{5}){3}(?![\w-])/gi;
const address =
  /(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.])|(?<![\w:])(?:[0-9a-f]{1,4}:){3,7}[0-9a-f]{0,4}(?![\w:])/i;
const loopback = /^(?:127\.|0\.0\.0\.0$)/;

export interface LogFindings {
  readonly lines: number;
  readonly credentials: number;
  readonly codes: number;
  readonly addresses: number;
}

export function readLines(lines: Iterable<string>): LogFindings {
  const found = { lines: 0, credentials: 0, codes: 0, addresses: 0 };
  for (const line of lines) countLine(found, line);
  return found;
}

function countLine(
  found: { lines: number; credentials: number; codes: number; addresses: number },
  line: string,
): void {
  found.lines++;
  if (credential.test(line)) found.credentials++;
  if ((line.match(code) ?? []).some(isCode)) found.codes++;
  const [who] = address.exec(line) ?? [];
  if (who !== undefined && !loopback.test(who)) found.addresses++;
}

/** Two of its characters check the others: one of a thousand texts of that shape would be taken for one. */
function isCode(text: string): boolean {
  try {
    parseVoucherCode(text);
    return true;
  } catch {
    return false;
  }
}

export async function checkLog(file: string): Promise<Check[]> {
  const found = { lines: 0, credentials: 0, codes: 0, addresses: 0 };
  const input = createReadStream(file, 'utf8');
  try {
    for await (const line of createInterface({ input })) {
      countLine(found, line);
      if (found.lines >= maxLines) break;
    }
  } catch (cause) {
    return [
      fail(
        'log',
        `${file} cannot be read: ${(cause as Error).message}`,
        'Name a log file that you may read.',
      ),
    ];
  } finally {
    input.destroy();
  }
  return judgeLog(file, found);
}

export function judgeLog(file: string, { lines, credentials, codes, addresses }: LogFindings): Check[] {
  const checks: Check[] = [];
  if (credentials > 0) {
    const next = 'Log neither the header Authorization nor WWW-Authenticate, and delete the log.';
    checks.push(
      fail(
        'log',
        `${plural(credentials, 'line')} of ${file} ${credentials === 1 ? 'holds' : 'hold'} credentials`,
        next,
      ),
    );
  }
  if (codes > 0) {
    const next = 'Log no bodies and no queries, and delete the log: who has a code can redeem it.';
    checks.push(
      fail(
        'log',
        `${plural(codes, 'line')} of ${file} ${codes === 1 ? 'holds' : 'hold'} what looks like a voucher`,
        next,
      ),
    );
  }
  if (addresses > 0) {
    const next =
      'Leave the address out of the log format, or cut it: beside a time it leads from a sale to a card.';
    checks.push(
      warn(
        'log',
        `${plural(addresses, 'line')} of ${file} ${addresses === 1 ? 'tells' : 'tell'} who called`,
        next,
      ),
    );
  }
  return checks.length > 0 ? checks : [ok('log', `${plural(lines, 'line')} of ${file} give nothing away`)];
}
