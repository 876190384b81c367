import { createPayingFetch } from '../../client/index.js';
import { startVendorChild } from './child.js';
import { quickTicks, routes } from './shop.js';
import { protocolNames, remember, retry, type Stage } from './stage.js';

const burst = 50;

/** Many requests at once, and the vendor dies while it works on them. */
export async function crash(stage: Stage): Promise<void> {
  const { teller, wallet, folder } = stage;
  teller.part('crash', `${burst} requests at once, and the vendor is killed in the middle`);
  const before = stage.bought.size;
  let tellRestart: () => void = () => {};
  const restarted = new Promise<void>((resolve) => (tellRestart = resolve));
  const { verdicts, someAnswered, settled } = sendBurst(stage, restarted);
  await Promise.race([someAnswered, settled]);
  await stage.vendor.kill();
  const answered = verdicts.length;
  teller.check(
    'killed',
    answered < burst,
    `After ${answered} of ${burst} answers the vendor is killed (SIGKILL).`,
    { answered },
  );

  remember(stage);
  stage.vendor = await startVendorChild(folder);
  tellRestart();
  const { claims } = await stage.vendor.totals();
  const charged = claims.settled + claims.pending - before;
  teller.check(
    'restarted',
    charged >= answered,
    `It starts again on the same ledger, which holds ${charged} of the ${burst} payments.`,
    { charged },
  );

  const failures = (await settled).filter((failure) => failure !== undefined);
  const repeated = verdicts.filter((verdict) => verdict === 'repeated').length;
  teller.check(
    'answered',
    failures.length === 0,
    `${burst - failures.length} of ${burst} are answered in the end; ${repeated} had been charged before the crash, and not again.`,
    { answered: burst - failures.length, repeated, failures },
  );
  for (const failure of failures) teller.detail(failure);

  const { claims: open } = await wallet.recover();
  const unknown = open.filter(({ result }) => result === 'unknown').length;
  teller.check(
    'recovered',
    unknown === 0,
    `recover() finds ${open.length} payments whose outcome is not known.`,
    {
      open: open.length,
    },
  );
}

interface Burst {
  /** How each payment that was answered was settled, as they come in. */
  readonly verdicts: readonly string[];
  readonly someAnswered: Promise<void>;
  /** For each request undefined, or why it failed. */
  readonly settled: Promise<ReadonlyArray<string | undefined>>;
}

/** @param restarted resolves when the vendor is back */
function sendBurst({ wallet, origin, bought }: Stage, restarted: Promise<void>): Burst {
  const { units } = routes.ticks;
  const verdicts: string[] = [];
  let reached: () => void = () => {};
  const someAnswered = new Promise<void>((resolve) => (reached = resolve));
  const paying = protocolNames.map((protocol) =>
    createPayingFetch({
      wallet,
      limits: { perRequest: units, total: burst * units },
      protocol,
      retry,
      onPayment({ verdict }) {
        verdicts.push(verdict);
        if (verdicts.length === quickTicks) reached();
      },
    }),
  );
  const send = async (i: number): Promise<string | undefined> => {
    const path = `/ticks/${i}`;
    try {
      const pay = paying[i % paying.length]!;
      // What failed by a TypeError had not been paid: like any fetch, it is not sent again by itself.
      const response = await pay(origin + path).catch(async (error: unknown) => {
        if (!(error instanceof TypeError)) throw error;
        await restarted;
        return pay(origin + path);
      });
      const { tick } = (await response.json()) as { readonly tick?: string };
      if (response.status !== 200 || tick !== path) return `${path}: ${response.status}, not its answer`;
      bought.set(origin + path, units);
      return undefined;
    } catch (error) {
      return `${path}: ${String(error)}`;
    }
  };
  return { verdicts, someAnswered, settled: Promise.all(Array.from({ length: burst }, (_, i) => send(i))) };
}
