import type { Attack } from './attack.js';
import { claimAttacks } from './claims.js';
import { codeAttacks } from './codes.js';
import { headAttacks } from './heads.js';
import type { Site } from './site.js';

/** What dishonest clients try. Guessing codes comes last: it leaves nobody a guess. */
export const clientAttacks: ReadonlyArray<Attack<Site>> = [...claimAttacks, ...headAttacks, ...codeAttacks];
