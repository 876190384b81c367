import activation from '../../vectors/activation.json' with { type: 'json' };
import blind from '../../vectors/blind.json' with { type: 'json' };
import card from '../../vectors/card.json' with { type: 'json' };
import chain from '../../vectors/chain.json' with { type: 'json' };
import challenge from '../../vectors/challenge.json' with { type: 'json' };
import claim from '../../vectors/claim.json' with { type: 'json' };
import document from '../../vectors/document.json' with { type: 'json' };
import generators from '../../vectors/generators.json' with { type: 'json' };
import receipt from '../../vectors/receipt.json' with { type: 'json' };
import seal from '../../vectors/seal.json' with { type: 'json' };
import state from '../../vectors/state.json' with { type: 'json' };
import voucher from '../../vectors/voucher.json' with { type: 'json' };
import { checkCase, type Case } from '../support/vector-operations.js';

const files = {
  activation,
  blind,
  card,
  chain,
  challenge,
  claim,
  document,
  generators,
  receipt,
  seal,
  state,
  voucher,
};

/** Each file of `vectors`, all of its cases. @returns what does not hold, a line each */
export async function checkVectors(name: keyof typeof files): Promise<string[]> {
  const wrong: string[] = [];
  for (const one of files[name].cases as unknown as readonly Case[]) {
    await checkCase(name, one).catch((error: unknown) =>
      wrong.push(`${one.op}: ${one.name}: ${String(error)}`),
    );
  }
  return wrong;
}

export const vectorFiles = Object.keys(files) as readonly (keyof typeof files)[];
