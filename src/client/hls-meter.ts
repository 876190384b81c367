import type { HlsFragment } from './hls-loader.js';

/** What of a film is paid for, and what that came to. */
export interface FilmMeter {
  /** Counts a key in. @param units that were charged for it now; 0 if it was bought before */
  note(url: string, fragment: HlsFragment, units: number): void;
  /** @param fragments of the film, as far as they are known */
  read(fragments: readonly HlsFragment[] | undefined, playhead: number): MeterReading;
}

export interface MeterReading {
  /** Charged since the film was opened. */
  readonly units: number;
  readonly keys: number;
  /** Seconds of the film that these keys are for. */
  readonly seconds: number;
  /** Absent before the first payment. */
  readonly unitsPerMinute?: number;
  /** Seconds from the playhead on that need no further payment. */
  readonly paidAheadSeconds: number;
}

export function createMeter(): FilmMeter {
  /** What was charged, by key, and a piece that it is for. */
  const held = new Map<string, { readonly units: number; readonly fragment: HlsFragment }>();

  return {
    note(url, fragment, units) {
      held.set(url, { units: (held.get(url)?.units ?? 0) + units, fragment });
    },
    read(fragments, playhead) {
      const known = fragments ?? [...held.values()].map(({ fragment }) => fragment);
      const paid = [...held.values()].filter(({ units }) => units > 0);
      const units = paid.reduce((sum, entry) => sum + entry.units, 0);
      let seconds = 0;
      let end = playhead;
      for (const fragment of known) {
        const url = keyUrlOf(fragment);
        const entry = url === undefined ? undefined : held.get(url);
        if (entry && entry.units > 0) seconds += fragment.duration;
        // Neighbours may overlap or leave a hole of a frame or two.
        const follows = fragment.start <= end + 0.2 && fragment.start + fragment.duration > end;
        if (follows && (url === undefined || entry)) end = fragment.start + fragment.duration;
      }
      return {
        units,
        keys: paid.length,
        seconds,
        ...(seconds > 0 && { unitsPerMinute: (units * 60) / seconds }),
        paidAheadSeconds: end - playhead,
      };
    },
  };
}

/** Where the key of a piece is; undefined for one in clear. */
export function keyUrlOf({ levelkeys }: HlsFragment): string | undefined {
  for (const key of Object.values(levelkeys ?? {})) if (key?.uri) return key.uri;
  return undefined;
}
