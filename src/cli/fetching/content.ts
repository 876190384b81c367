import { manifestName } from '../../client/content.js';
import { ImpulsError } from '../../core/errors.js';
import type { PreparedRequest } from './request.js';

/** Options of `impuls fetch` that say nothing about sealed files. */
const foreign = ['include', 'header', 'seal', 'request', 'data'] as const;

/** What an address leads to, by its name: a sealed file, the manifest of such files, or anything else. */
export function contentKind(
  { url, init }: PreparedRequest,
  values: { readonly [N in (typeof foreign)[number]]?: unknown },
): 'sealed' | 'manifest' | undefined {
  const name = url.pathname.split('/').at(-1)!;
  const kind = name.endsWith('.sealed') ? 'sealed' : name === manifestName ? 'manifest' : undefined;
  if (!kind || init.method !== 'GET') return undefined;
  const wrong = foreign.find((option) => values[option] !== undefined);
  if (wrong === undefined) return kind;
  throw new ImpulsError('invalid-argument', `--${wrong} is not for sealed files`, { hint: 'Leave it out.' });
}
