import { formatUnits, worthOf } from 'impuls';

/** What one unit is worth. */
export interface UnitValue {
  readonly currency: string;
  readonly value: string;
}

/** `3 units (0.003 USD)`; without the money where its value is not known. */
export function formatPrice(units: number, unit?: UnitValue): string {
  return unit ? `${formatUnits(units)} (${worthOf(units, unit)})` : formatUnits(units);
}

/** `12 kB`. */
export function formatBytes(bytes: number): string {
  const steps = ['byte', 'kilobyte', 'megabyte', 'gigabyte'] as const;
  const step = Math.min(3, Math.max(0, Math.floor(Math.log10(Math.max(1, bytes)) / 3)));
  const options = { style: 'unit', unit: steps[step]!, unitDisplay: 'short' } as const;
  return new Intl.NumberFormat('en', { ...options, maximumSignificantDigits: 3 }).format(
    bytes / 1000 ** step,
  );
}
