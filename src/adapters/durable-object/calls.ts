import type { MessagesOf, Role } from './protocol.js';
import type { ObjectNamespace } from './platform.js';

/** The one method of an object that others call. */
export interface Callee {
  ask(role: Role, message: string, values: readonly unknown[]): Promise<unknown>;
}

/** The other end of an object: its messages as methods. A stub is made for each call, since none outlives a request. */
export function createCalls<R extends Role>(
  namespace: ObjectNamespace,
  role: R,
  name: string,
): MessagesOf<R> {
  const send = (message: string, values: readonly unknown[]): Promise<unknown> =>
    (namespace.get(namespace.idFromName(name) as never) as Callee).ask(role, message, values);
  return new Proxy({} as MessagesOf<R>, {
    get: (_, message) =>
      typeof message === 'string' ? (...values: unknown[]) => send(message, values) : undefined,
  });
}
