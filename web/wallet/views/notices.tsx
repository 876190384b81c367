import type { ComponentChildren } from 'preact';
import type { Problem } from '../../common/problems.js';

/** Told at once to those who hear the page. */
export function ProblemNotice({ problem, id }: { readonly problem: Problem; readonly id?: string }) {
  return (
    <div class="notice bad" role="alert" {...(id && { id })}>
      <p>
        <strong>{problem.what}</strong>
      </p>
      <p>{problem.next}</p>
    </div>
  );
}

export function GoodNotice({ children }: { readonly children: ComponentChildren }) {
  return <div class="notice good">{children}</div>;
}
