import type { KeyDocument } from '../../src/core/key-document.js';
import type { VendorKeys } from '../../src/server/index.js';
import { createWorld, denomination, origin, type Paid, type World } from '../client-fixture.js';
import { createTestKeys } from '../support/vendor.js';

/** A vendor of today: other packages read the clock of the machine. */

let keys: Promise<{ keys: VendorKeys; document: KeyDocument }> | undefined;

export async function createLiveWorld(routes: Readonly<Record<string, Paid>> = {}): Promise<World> {
  const ms = Date.now();
  keys ??= createTestKeys(origin, [denomination], Math.floor(ms / 1000));
  const world = await createWorld(routes, await keys);
  world.time.ms = ms;
  return world;
}

/** Serves some paths by another server of the same origin, and the vendor's own by the vendor. */
export function mount(
  world: World,
  paths: Readonly<Record<string, (request: Request) => Promise<Response>>>,
): void {
  const inner = world.network;
  world.network = (request, deliver) =>
    inner(request, async () => {
      const { pathname } = new URL(request.url);
      const handler = paths[pathname];
      if (!handler) return deliver();
      world.arrived.push(`${request.method} ${pathname}`);
      return handler(request);
    });
}

/** Lets every call through, and breaks the line before the answers of which `isLost` says so. */
export function loseAnswers(world: World, isLost: (request: Request) => boolean): void {
  const inner = world.network;
  world.network = async (request, deliver) => {
    const response = await inner(request, deliver);
    if (isLost(request)) throw new TypeError('the line broke');
    return response;
  };
}
