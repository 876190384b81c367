/** RFC 8785 in its plainest words: a slow second opinion on what `JSON.parse` returned. */
export function canonicalReference(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalReference).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).sort(([one], [other]) => compareUnits(one, other));
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonicalReference(member)}`).join(',')}}`;
}

/** By UTF-16 code units (§3.2.3). */
function compareUnits(one: string, other: string): number {
  for (let at = 0; at < Math.min(one.length, other.length); at++) {
    const difference = one.charCodeAt(at) - other.charCodeAt(at);
    if (difference !== 0) return difference;
  }
  return one.length - other.length;
}
