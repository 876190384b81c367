import { createHash } from 'node:crypto';
import { ImpulsError } from '../../core/errors.js';
import { checkOrigin } from '../../client/environment.js';
import { defineCommand } from '../command.js';
import { networkFailure, unreachable } from '../fetching/network.js';
import { pageNames, type PageName } from '../serving/page-files.js';
import { pageHeaders, pagePath } from '../serving/web-pages.js';
import { requirePage } from './web-export.js';

/** Bytes of an answer that are looked at; the pages are far smaller. */
const maxBytes = 16 << 20;

interface Verdict {
  readonly page: PageName;
  /** Of this package's build, SHA-256 in hex. */
  readonly hash: string;
  /** What differs; empty if nothing does. */
  readonly differences: readonly string[];
}

export const webVerify = defineCommand({
  name: 'web verify',
  summary: 'Compare the pages that a vendor serves with those of this package',
  usage: '<vendor>',
  options: {},
  words: [1, 1],
  notes:
    'Every file and every header of policy is compared, and exit code 1 says that one differs. A vendor can show others\nsomething else: who needs certainty hosts the page, or installs it. A vendor that runs another version of impuls differs.',
  examples: ['impuls web verify https://news.example'],
  async run({ terminal, positionals }) {
    const origin = checkOrigin(positionals[0]!);
    const verdicts = await Promise.all(pageNames.map((name) => verifyPage(origin, name)));
    const holds = verdicts.every(({ differences }) => differences.length === 0);
    if (terminal.json) {
      terminal.printJson({ vendor: origin, same: holds, pages: verdicts });
    } else {
      const { paint } = terminal;
      for (const { page, hash, differences } of verdicts) {
        const same = differences.length === 0;
        terminal.print(`${same ? paint.green('✓') : paint.red('✗')} ${origin}${pagePath(page)}  ${hash}`);
        for (const difference of differences) terminal.print(`    ${difference}`);
      }
      if (!holds)
        terminal.print('\nIt is not the page of this package. Type no code there before you know why.');
    }
    return holds ? 0 : 1;
  },
});

async function verifyPage(origin: string, name: PageName): Promise<Verdict> {
  const { hash, hashes } = await requirePage(name);
  const base = origin + pagePath(name);
  const differences: string[] = [];
  for (const [path, expected] of hashes) {
    // As a browser asks for it: the page itself by its folder.
    const url = new URL(path === 'index.html' ? '' : path, base);
    const response = await get(url);
    if (response.status !== 200) {
      await response.body?.cancel();
      differences.push(`${path}: not there (${response.status})`);
      continue;
    }
    const found = createHash('sha256')
      .update(await readAll(response, url))
      .digest('hex');
    if (found !== expected) differences.push(`${path}: ${found}, not ${expected}`);
    for (const [header, value] of Object.entries(pageHeaders(name))) {
      const sent = response.headers.get(header);
      if (sent !== value) differences.push(`${path}: ${header} is ${sent ?? 'absent'}`);
    }
  }
  return { page: name, hash, differences };
}

async function get(url: URL): Promise<Response> {
  try {
    return await fetch(url, { redirect: 'manual' });
  } catch (error) {
    throw networkFailure(error, (cause) => unreachable(url, cause));
  }
}

async function readAll(response: Response, url: URL): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += chunk.length;
    if (length > maxBytes) throw new ImpulsError('too-large', `${url.href} is larger than any page`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
