import { useEffect, useState } from 'preact/hooks';

/** What the page says of the vendor before there is a card. */
export interface VendorFace {
  readonly origin: string;
  readonly name: string;
  /** What one unit is worth, as the key document says it; undefined until it is known. */
  readonly unit?: { readonly currency: string; readonly value: string };
  /** Whether cards can be exchanged, and whether what is left on them is paid out. */
  readonly takesBack?: boolean;
  readonly refunds?: boolean;
}

export function useVendor(): VendorFace {
  const { origin, host } = location;
  const [face, setFace] = useState<VendorFace>({ origin, name: host });
  useEffect(() => {
    readFace(origin)
      .then((found) => found && setFace(found))
      // It is shown by its host, then.
      .catch(() => undefined);
  }, [origin]);
  return face;
}

/** For people only: what is paid is decided by the document that the wallet has checked and pinned. */
async function readFace(origin: string): Promise<VendorFace | undefined> {
  const response = await fetch('/.well-known/impuls', { credentials: 'omit' });
  if (!response.ok) return undefined;
  const { name, unit, endpoints, policy } = (await response.json()) as Record<string, unknown>;
  const { currency, value } = (unit ?? {}) as Record<string, unknown>;
  if (typeof name !== 'string' || typeof currency !== 'string' || typeof value !== 'string') return undefined;
  const { credit } = Object(endpoints) as Record<string, unknown>;
  const { refund } = Object(policy) as Record<string, unknown>;
  const takesBack = typeof credit === 'string';
  const refunds = takesBack && refund === 'reference';
  return { origin, name, unit: { currency, value }, takesBack, refunds };
}
