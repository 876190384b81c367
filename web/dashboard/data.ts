import type { Movement } from 'impuls/server';
import { useCallback, useEffect, useState } from 'preact/hooks';
import { ApiError, type Api, type State } from './api.js';

/** What the views show. */
export interface Data {
  readonly api: Api;
  readonly state: State;
  readonly movements: readonly Movement[];
  /** Reads all again. */
  readonly refresh: () => Promise<void>;
}

const stateEveryMs = 5000;
/** Books are long, and change slowly for people. */
const booksEvery = 6;

/** Reads again and again while a server runs: it answers at any time. A ledger without one is read when it is asked for. */
export function useData(api: Api): { readonly data?: Data; readonly problem?: ApiError } {
  const [loaded, setLoaded] = useState<Pick<Data, 'state' | 'movements'>>();
  const [problem, setProblem] = useState<ApiError>();

  const guard = useCallback(async (work: () => Promise<void>) => {
    try {
      await work();
      setProblem(undefined);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      setProblem(error);
    }
  }, []);
  const refresh = useCallback(
    () =>
      guard(async () => {
        const [state, movements] = await Promise.all([api.state(), api.movements()]);
        setLoaded({ state, movements });
      }),
    [api, guard],
  );

  useEffect(() => void refresh(), [refresh]);
  const isLive = loaded?.state.server !== undefined;
  useEffect(() => {
    if (!isLive) return undefined;
    let round = 0;
    const timer = setInterval(() => {
      if (document.hidden) return;
      round++;
      if (round % booksEvery === 0) void refresh();
      else
        void guard(async () => {
          const state = await api.state();
          setLoaded((before) => before && { ...before, state });
        });
    }, stateEveryMs);
    return () => clearInterval(timer);
  }, [api, guard, refresh, isLive]);

  return {
    ...(loaded && { data: { ...loaded, api, refresh } }),
    ...(problem && { problem }),
  };
}
