import type { ComponentChildren } from 'preact';

/** What happened and the next move, told at once to those who hear the page. */
export function Notice(props: {
  readonly kind: 'good' | 'warn' | 'bad';
  readonly what: string;
  readonly next?: string;
  readonly children?: ComponentChildren;
}) {
  const { kind, what, next, children } = props;
  return (
    <div class={`notice ${kind}`} role={kind === 'good' ? 'status' : 'alert'}>
      <p>
        <strong>{what}</strong>
      </p>
      {next && <p>{next}</p>}
      {children}
    </div>
  );
}
