import { toBase64url } from '../../core/base64url.js';
import type { Check } from '../doctor/check.js';
import { warn } from '../doctor/check.js';
import { checkApi, checkWords, type Target } from './api.js';
import { checkEndpoints } from './endpoints.js';
import { checkPublished, checkTls } from './keys.js';
import { checkPaid, type Payer } from './paid.js';
import type { Probe } from './probe.js';
import { checkUnpaid, type RouteProbe } from './unpaid.js';

/** Paid routes of a description that are asked; the rest is alike. */
const maxRoutes = 20;

export interface Validation extends Probe {
  /** Paths, with query, that are to be paid, beside those of the description. */
  readonly paths: readonly string[];
  /** How the named paths are asked. Default GET. */
  readonly method?: string;
  readonly body?: string | undefined;
  /** To pay once, for the cheapest route that can be asked for, or for the first that is named. */
  readonly payer?: Payer | undefined;
}

/** Looks at a vendor from outside, as any client can. */
export async function validate({
  paths,
  method = 'GET',
  body,
  payer,
  ...probe
}: Validation): Promise<Check[]> {
  const published = await checkPublished(probe);
  const checks = [await checkTls(probe), ...published.checks];
  const document = published.received?.document;
  const named: Target[] = paths.map((target) => {
    return { name: `${method} ${target}`, method, target, body, offers: undefined };
  });
  const api = await checkApi(probe, document);
  checks.push(...api.checks, await checkWords(probe));
  if (document) checks.push(...(await checkEndpoints(probe, document)));

  const payable: Array<{ readonly route: RouteProbe; readonly price: number; readonly named: boolean }> = [];
  const targets = [...named, ...api.targets];
  for (const target of targets.slice(0, maxRoutes)) {
    if (target.target === undefined) {
      const what = 'it was not asked: its path has a part without an example';
      const next = `Give the parameter an example in the description, or name one: impuls validate <url>.`;
      checks.push(warn(`${target.name} 402`, what, next));
      continue;
    }
    const route: RouteProbe = {
      ...probe,
      target: { ...target, target: target.target },
      digest: published.received && toBase64url(published.received.digest),
      unit: document?.unit.code,
    };
    const unpaid = await checkUnpaid(route);
    checks.push(...unpaid.checks);
    if (unpaid.price !== undefined)
      payable.push({ route, price: unpaid.price, named: named.includes(target) });
  }
  if (targets.length > maxRoutes) {
    const what = `${targets.length - maxRoutes} of ${targets.length} paid routes were not asked`;
    checks.push(warn('routes', what, 'Name those that matter: impuls validate <url>.'));
  }
  if (payer) checks.push(...(await payOnce(payable, payer)));
  return checks;
}

type Payable = { readonly route: RouteProbe; readonly price: number; readonly named: boolean };

async function payOnce(payable: readonly Payable[], payer: Payer): Promise<Check[]> {
  const [first] = [...payable]
    .filter(({ price }) => price <= payer.max)
    .sort((a, b) => Number(b.named) - Number(a.named) || a.price - b.price);
  if (first) return checkPaid(first.route, payer);
  const what = `no paid route was found that costs at most ${payer.max}`;
  return [warn('payment', what, 'Raise --max, or name one: impuls validate <url> --pay.')];
}
