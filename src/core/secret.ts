/**
 * Adds members that are read by their name only: neither a log, nor `inspect`, nor JSON, nor a spread shows them.
 *
 * @returns `target` itself
 */
export function withSecrets<Target extends object, Secrets extends object>(
  target: Target,
  secrets: Secrets,
): Target & Readonly<Secrets> {
  for (const [name, value] of Object.entries(secrets)) Object.defineProperty(target, name, { value });
  return target as Target & Readonly<Secrets>;
}
