import { ImpulsError } from '../../core/errors.js';
import { wholeNumber } from '../command.js';

/** What the key of each file costs: one price, and others for files whose path or name matches a pattern. */

interface Rule {
  readonly matches: (path: string) => boolean;
  readonly price: number;
}

/**
 * @param price for what no rule names
 * @param rules `PATTERN=UNITS`, of which the last that matches holds: `*` is any name or part of one, `**` any path, `?` one
 *   character; a pattern without `/` is for names in any folder
 * @throws ImpulsError `invalid-argument`
 */
export function readPrices(
  price: string | undefined,
  rules: readonly string[] = [],
): (path: string) => number {
  if (price === undefined) {
    throw new ImpulsError('invalid-argument', 'impuls pack needs a price', { hint: 'Add --price <units>.' });
  }
  const usual = wholeNumber(price, '--price');
  const others = rules.map(readRule).reverse();
  return (path) => others.find((rule) => rule.matches(path))?.price ?? usual;
}

function readRule(text: string): Rule {
  const at = text.lastIndexOf('=');
  if (at < 1) {
    throw new ImpulsError('invalid-argument', `--price-for has no "${text}"`, {
      hint: "Write it as --price-for '*.pdf=5'.",
    });
  }
  const pattern = text.slice(0, at);
  const expression = new RegExp(
    `^${pattern
      .split(/(\*\*\/|\*\*|\*|\?)/)
      .map(translate)
      .join('')}$`,
    'su',
  );
  const isPath = pattern.includes('/');
  return {
    price: wholeNumber(text.slice(at + 1), `the price for ${pattern}`),
    matches: (path) => expression.test(isPath ? path : path.slice(path.lastIndexOf('/') + 1)),
  };
}

function translate(part: string): string {
  switch (part) {
    case '**/':
      return '(?:.*/)?';
    case '**':
      return '.*';
    case '*':
      return '[^/]*';
    case '?':
      return '[^/]';
    default:
      return part.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
  }
}
