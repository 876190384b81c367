import { ImpulsError, malformed } from '../errors.js';
import { limits } from '../limits.js';

/**
 * The challenges of a `WWW-Authenticate` value (RFC 9110 §11.6.1), several of them and of several schemes:
 *
 *   #( auth-scheme [ 1*SP ( token68 / #( token BWS "=" BWS ( token / quoted-string ) ) ) ] )
 *
 * Fetch joins the values of several header fields by ", ", which is the same list.
 */

const listStart = /[ \t,]*/y;
const listNext = /[ \t]*(?:,[ \t,]*|$)/y;
const scheme = /([!#$%&'*+.^_`|~0-9A-Za-z-]+) */y;
const token68 = /[A-Za-z0-9._~+/-]+=*(?=[ \t]*(?:,|$))/y;
const authParam =
  /([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*=[ \t]*(?:([!#$%&'*+.^_`|~0-9A-Za-z-]+)|"((?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t\x20-\x7e\x80-\xff])*)")/y;

/**
 * The parameters of every `Payment` challenge, in order; names in lower case, values unquoted. Challenges of other
 * schemes are skipped, but the whole value must follow the grammar.
 *
 * @param headerValue at most 16 KiB
 * @returns objects without a prototype
 * @throws ImpulsError `malformed`, also for a parameter that a `Payment` challenge names twice
 */
export function parseChallengeParams(headerValue: string): Record<string, string>[] {
  if (headerValue.length > limits.challengeBytes) throw malformed('a WWW-Authenticate value is too long');
  let at = 0;
  const read = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const match = pattern.exec(headerValue);
    if (match) at = pattern.lastIndex;
    return match;
  };
  const found: Record<string, string>[] = [];
  let current: Record<string, string> | undefined;
  read(listStart);
  while (at < headerValue.length) {
    let param = read(authParam);
    if (!param) {
      const name = read(scheme)?.[1];
      if (name === undefined) throw malformed('not a WWW-Authenticate value');
      current = Object.create(null) as Record<string, string>;
      if (name.toLowerCase() === 'payment') found.push(current);
      if (read(listNext) ?? (read(token68) && read(listNext))) continue;
      param = read(authParam);
    }
    if (!param || !current) throw malformed('not a WWW-Authenticate value');
    addParam(current, param);
    if (!read(listNext)) throw malformed('not a WWW-Authenticate value');
  }
  return found;
}

function addParam(params: Record<string, string>, [, name, token, quoted = '']: RegExpExecArray): void {
  const key = name!.toLowerCase();
  if (key in params) throw malformed('a challenge names a parameter twice');
  params[key] = token ?? quoted.replace(/\\(.)/g, '$1');
}

const tokenOnly = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const quotable = /^[\t\x20-\x7e]*$/;

/**
 * `name="value", …`, every value quoted; a member that is undefined is left out.
 *
 * @throws ImpulsError `invalid-argument` for a name that is no token, or a value that is not printable ASCII
 */
export function formatAuthParams(params: Readonly<Record<string, string | undefined>>): string {
  const parts: string[] = [];
  for (const [name, value] of Object.entries(params)) {
    if (value === undefined) continue;
    if (!tokenOnly.test(name) || !quotable.test(value)) {
      throw new ImpulsError('invalid-argument', `the parameter ${name} does not fit in a header`);
    }
    parts.push(`${name}="${value.replace(/["\\]/g, '\\$&')}"`);
  }
  return parts.join(', ');
}
