import { useState } from 'preact/hooks';
import { ApiError } from '../api.js';

/** Something that is done at a press of a button: once at a time, and what went wrong is told. */
export interface Task {
  readonly isRunning: boolean;
  readonly problem: ApiError | undefined;
  run(work: () => Promise<void>): void;
}

export function useTask(): Task {
  const [isRunning, setRunning] = useState(false);
  const [problem, setProblem] = useState<ApiError>();
  return {
    isRunning,
    problem,
    run(work) {
      if (isRunning) return;
      setRunning(true);
      setProblem(undefined);
      work()
        .catch((error: unknown) => {
          if (!(error instanceof ApiError)) throw error;
          setProblem(error);
        })
        .finally(() => setRunning(false));
    },
  };
}

/** Has the browser save a file. */
export function save(content: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  // The browser has taken it by then.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
