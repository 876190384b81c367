import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef } from 'preact/hooks';
import type { ApiError } from '../api.js';

interface Props {
  readonly title: string;
  readonly onClose: () => void;
  /** Hears of Escape before it closes; may prevent that. */
  readonly onCancel?: (event: Event) => void;
  readonly children: ComponentChildren;
}

/** Open as long as it is there. */
export function Dialog({ title, onClose, onCancel, children }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} aria-labelledby={id} onClose={onClose} {...(onCancel && { onCancel })}>
      <h2 id={id}>{title}</h2>
      {children}
    </dialog>
  );
}

export function Refusal({ problem }: { readonly problem: ApiError }) {
  return (
    <div class="notice bad" role="alert">
      <p>
        <strong>{problem.message}</strong>
      </p>
      <p>{problem.hint}</p>
    </div>
  );
}
