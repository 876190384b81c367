import { importPlatform } from './platforms.js';

/** A Worker under workerd on this machine. */
export interface TestWorker extends AsyncDisposable {
  fetch(url: string, init?: RequestInit): Promise<Response>;
}

export interface TestWorkerOptions {
  /** An ES module. */
  readonly script: string;
  /** Classes of the script by the name of their binding. */
  readonly durableObjects?: Readonly<Record<string, string>>;
  readonly bindings?: Readonly<Record<string, string>>;
  /** Where objects are kept. Default: in memory. */
  readonly folder?: string;
}

interface Miniflare {
  readonly ready: Promise<URL>;
  dispatchFetch(url: string, init?: RequestInit): Promise<Response>;
  dispose(): Promise<void>;
}

/** No compatibility flags: what runs here needs nothing of Node. */
export async function startWorker(options: TestWorkerOptions): Promise<TestWorker> {
  const { script, bindings = {}, folder, durableObjects = {} } = options;
  const { Miniflare } = await importPlatform<{ Miniflare: new (options: object) => Miniflare }>('miniflare');
  const worker = new Miniflare({
    modules: true,
    script,
    compatibilityDate: '2026-04-01',
    bindings,
    durableObjects: Object.fromEntries(
      Object.entries(durableObjects).map(([name, className]) => [
        name,
        // A test that wants an object out of memory puts it there itself.
        { className, useSQLite: true, unsafePreventEviction: true },
      ]),
    ),
    ...(folder === undefined ? {} : { durableObjectsPersist: folder }),
    // It would be fetched.
    cf: false,
  });
  await worker.ready;
  return {
    fetch: (url, init) => worker.dispatchFetch(url, init),
    [Symbol.asyncDispose]: () => worker.dispose(),
  };
}
