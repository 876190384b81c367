import { malformed } from './errors.js';

/** Tools that are called over another protocol than HTTP, and what their claims are bound to (docs/spec.md §11). */

/** `<origin>/impuls/tools/<name>` */
export const toolPath = '/impuls/tools/';

const toolName = /^(?!\.{1,2}$)[A-Za-z0-9_.-]{1,128}$/;

/** Whether a text can be the name of a tool that is paid for. */
export function isToolName(text: string): boolean {
  return toolName.test(text);
}

/** The target of a call, from "/" on. @throws ImpulsError `malformed` for a name of other characters than A–Z a–z 0–9 _ - . or more than 128 */
export function toolTarget(name: string): string {
  if (!isToolName(name))
    throw malformed('a tool that is paid for has a name of letters, digits, "_", "-" and "."');
  return toolPath + name;
}

/** The tool that a URL is the target of; undefined for any other URL. */
export function toolOfUrl({ pathname, search }: URL): string | undefined {
  const name = pathname.startsWith(toolPath) ? pathname.slice(toolPath.length) : '';
  return search === '' && isToolName(name) ? name : undefined;
}
