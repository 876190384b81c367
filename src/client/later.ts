/** What a wallet does seldom. A bundle loads it at once, when the first of it is asked for: one part more costs less than five. */
export { formatBackup } from './backup.js';
export { exchange, forgetRefund, listRefunds, planCredit, refund } from './exchange.js';
export { activate, redeem } from './issuing.js';
export { checkKeys } from './key-checks.js';
export { recoverAll } from './recover.js';
export { restoreBackup } from './restore.js';
export { createCatalogue } from './catalogue.js';
