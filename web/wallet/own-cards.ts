/** A backup may hold cards of several vendors; a page of one vendor can restore that vendor's only. */
export interface Sorted {
  /** The backup of this vendor's cards; undefined if it holds none of them. */
  readonly own?: string;
  /** The origins of the others. */
  readonly others: readonly string[];
}

const end = /\nchecksum [\w-]+\s*$/;

/** What is no backup comes back as it is: the wallet says what is wrong with it. */
export async function sortBackup(text: string, origin: string): Promise<Sorted> {
  const lines = text
    .replace(end, '')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const vendors = new Map(lines.map((line) => [line, vendorOf(line)]));
  const others = new Set([...vendors.values()].filter((vendor) => vendor !== undefined && vendor !== origin));
  if (others.size === 0 || !end.test(text)) return { own: text, others: [] };
  // Only a backup that is whole is taken apart.
  if (text.trim().split('\n').at(-1) !== `checksum ${await checksum(lines)}`)
    return { own: text, others: [] };
  const kept = lines.filter((line) => (vendors.get(line) ?? origin) === origin);
  const own = kept.length > 1 ? `${kept.join('\n')}\nchecksum ${await checksum(kept)}\n` : undefined;
  return { ...(own !== undefined && { own }), others: [...others].filter((other) => other !== undefined) };
}

function vendorOf(line: string): string | undefined {
  const [, json] = /^(?:card|order) (\{.*\})$/.exec(line) ?? [];
  if (json === undefined) return undefined;
  try {
    const { vendor } = JSON.parse(json) as { readonly vendor?: unknown };
    return typeof vendor === 'string' ? vendor : undefined;
  } catch {
    return undefined;
  }
}

async function checksum(lines: readonly string[]): Promise<string> {
  const bytes = new TextEncoder().encode(lines.map((line) => `${line}\n`).join(''));
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return btoa(String.fromCharCode(...digest.subarray(0, 12)))
    .replaceAll('+', '-')
    .replaceAll('/', '_');
}
