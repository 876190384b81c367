/**
 * The parts of hls.js (1.5 and later) that paying needs, by their shape: hls.js itself is imported by the page, or not at all.
 */

/** A piece of the film, as hls.js lists it. */
export interface HlsFragment {
  /** Seconds on the film's timeline. */
  readonly start: number;
  readonly duration: number;
  /** By key format; `uri` is absolute. Absent: in clear. */
  readonly levelkeys?: { readonly [format: string]: { readonly uri: string } | undefined };
}

export interface HlsRequest {
  readonly url: string;
  /** `key` for keys, since 1.7; before, a key's request is known by its `keyInfo`. */
  readonly type?: string;
  readonly keyInfo?: unknown;
  readonly frag?: HlsFragment;
}

interface Timing {
  start: number;
  first: number;
  end: number;
}

export interface HlsStats {
  aborted: boolean;
  loaded: number;
  total: number;
  readonly loading: Timing;
}

export interface HlsCallbacks {
  onSuccess(response: object, stats: HlsStats, request: HlsRequest, details: null): void;
  onError(
    error: { readonly code: number; readonly text: string },
    request: HlsRequest,
    details: null,
    stats: HlsStats,
  ): void;
  onAbort?(stats: HlsStats, request: HlsRequest, details: null): void;
}

export interface HlsLoader {
  context: HlsRequest | null;
  readonly stats: HlsStats;
  load(request: HlsRequest, config: object, callbacks: HlsCallbacks): void;
  abort(): void;
  destroy(): void;
}

/** A class of loaders: `Hls.DefaultConfig.loader`, or one's own. */
export type HlsLoaderClass = abstract new (config: never) => object;

/** A key that hls.js asks for. */
export interface KeyRequest {
  readonly url: string;
  /** The piece of the film that it is needed for. */
  readonly fragment: HlsFragment;
  /** Aborted when it is not needed any more: after a seek, or when the film is closed. */
  readonly signal: AbortSignal;
}

/** @returns the key's bytes when they are there, at last; undefined to have it loaded as any other file */
export type ProvideKey = (request: KeyRequest) => Promise<Uint8Array> | undefined;

/**
 * A loader for hls.js that takes keys from elsewhere, and loads all other things as its base does. A key has no time
 * limit and is not asked for twice: it may wait for a person.
 *
 * @param base the class of loaders to extend
 * @returns a class for `config.loader`
 */
export function createPaidKeyLoader<Base extends HlsLoaderClass>(base: Base, provide: ProvideKey): Base {
  const Loader = base as unknown as new (config: object) => HlsLoader;

  class PaidKeyLoader extends Loader {
    #waiting: { readonly abort: AbortController; readonly onAbort: () => void } | undefined;

    override load(request: HlsRequest, config: object, callbacks: HlsCallbacks): void {
      const { url, frag: fragment } = request;
      const isKey = request.type === 'key' || request.keyInfo !== undefined;
      const abort = new AbortController();
      const key = isKey && fragment ? provide({ url, fragment, signal: abort.signal }) : undefined;
      if (!key) {
        super.load(request, config, callbacks);
        return;
      }
      const { stats } = this;
      this.context = request;
      stats.loading.start = performance.now();
      this.#waiting = { abort, onAbort: () => callbacks.onAbort?.(stats, request, null) };
      key.then(
        (bytes) => {
          if (abort.signal.aborted) return;
          this.#waiting = undefined;
          stats.loading.first = stats.loading.end = performance.now();
          stats.loaded = stats.total = bytes.length;
          callbacks.onSuccess({ url, code: 200, data: bytes.slice().buffer }, stats, request, null);
        },
        (error: unknown) => {
          if (abort.signal.aborted) return;
          this.#waiting = undefined;
          const text = error instanceof Error ? error.message : String(error);
          callbacks.onError({ code: 0, text }, request, null, stats);
        },
      );
    }

    override abort(): void {
      const waiting = this.#end();
      if (waiting) waiting.onAbort();
      else super.abort();
    }

    override destroy(): void {
      this.#end();
      super.destroy();
    }

    #end() {
      const waiting = this.#waiting;
      this.#waiting = undefined;
      waiting?.abort.abort();
      if (waiting) this.stats.aborted = true;
      return waiting;
    }
  }
  return PaidKeyLoader as unknown as Base;
}
