import type { Route } from '../server/index.js';

/** What a paid route costs, in the shortest form that says it: units, a function of the request, or the whole route. */
export type Priced = Route['price'] | Route;

export function routeOf(priced: Priced): Route {
  return typeof priced === 'object' ? priced : { price: priced };
}
