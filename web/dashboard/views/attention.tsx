import { formatCount, plural } from '../../common/money.js';
import type { Data } from '../data.js';
import type { State } from '../api.js';
import { worth } from '../words.js';

interface Matter {
  readonly text: string;
  readonly next: string;
}

const soonSeconds = 30 * 86_400;

/** What the operator should see to. */
export function Attention({ data }: { readonly data: Data }) {
  const matters = [
    ...held(data.state),
    ...guessing(data.state),
    ...endings(data.state),
    ...refunds(data.state),
  ];
  if (matters.length === 0) return null;
  return (
    <section class="notice warn" aria-labelledby="attention-title">
      <h2 id="attention-title">To be seen to</h2>
      <ul class="plain">
        {matters.map(({ text, next }) => (
          <li key={text}>
            {text} <span class="faint">{next}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}

function held({ quarantined }: State): Matter[] {
  if (!quarantined) return [];
  return [
    {
      text: 'Restored from a backup: the cards and vouchers of before are held.',
      next: 'Nothing of them is accepted until you lift the quarantine: impuls vendor quarantine lift.',
    },
  ];
}

function refunds({ refunds, vendor }: State): Matter[] {
  const open = refunds.filter(({ paid }) => paid === undefined);
  if (open.length === 0) return [];
  const units = open.reduce((sum, refund) => sum + refund.units, 0);
  return [
    {
      text: `${plural(open.length, 'refund')} to pay out, ${worth(units, vendor.unit)} together.`,
      next: 'See under Refunds.',
    },
  ];
}

function guessing({ server }: State): Matter[] {
  if (!server) return [];
  const { level, limit, blockedSources } = server.failures;
  if (level + 1 > limit) {
    return [
      {
        text: 'So many wrong codes are tried that nobody can redeem.',
        next: 'It passes by itself; see under Health.',
      },
    ];
  }
  if (blockedSources === 0) return [];
  return [
    {
      text: `Somebody guesses codes: ${plural(blockedSources, 'source')} stopped for now.`,
      next: 'Nothing is lost, and others can redeem.',
    },
  ];
}

/** Denominations that will soon be sold no more. */
function endings({ keys, now }: State): Matter[] {
  const denominations = [...new Set(keys.cards.map(({ denomination }) => denomination))];
  return denominations.flatMap((denomination): Matter[] => {
    const end = Math.max(
      ...keys.cards
        .filter((key) => key.denomination === denomination)
        .map((key) => Math.min(key.notAfter, keys.revoked.find(({ id }) => id === key.id)?.time ?? Infinity)),
    );
    if (end > now + soonSeconds) return [];
    const name = `Cards of ${formatCount(denomination)} units`;
    const days = Math.ceil((end - now) / 86_400);
    const text =
      end <= now ? `${name} are sold no more.` : `${name} are sold for ${plural(days, 'day')} more.`;
    return [{ text, next: 'Run impuls keys rotate.' }];
  });
}
