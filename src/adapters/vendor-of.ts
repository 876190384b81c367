import type { Gate, Route, Vendor } from '../server/index.js';

/** A vendor, or where one is found when the first request comes: some platforms have no files or bindings before. */
export type VendorOf<Context> = Vendor | ((context: Context) => Vendor | Promise<Vendor>);

export async function resolveVendor<Context>(vendor: VendorOf<Context>, context: Context): Promise<Vendor> {
  return typeof vendor === 'function' ? vendor(context) : vendor;
}

/** The gate of a route. It is made once for each vendor: at once, so that it is listed, if the vendor is there. */
export function createGates<Context>(
  vendor: VendorOf<Context>,
  route: Route,
): (context: Context) => Promise<Gate> {
  if (typeof vendor !== 'function') {
    const gate = Promise.resolve(vendor.gate(route));
    return () => gate;
  }
  const gates = new WeakMap<Vendor, Gate>();
  return async (context) => {
    const found = await vendor(context);
    const gate = gates.get(found) ?? found.gate(route);
    gates.set(found, gate);
    return gate;
  };
}
