/** A ledger on Durable Objects: `impuls/server/durable-object`. */
export { readVendorFiles, type VendorTexts } from './identity.js';
export { createDurableObjectLedger, type DurableObjectLedgerOptions } from './ledger.js';
export { createLedgerClass, type LedgerClassOptions, type LedgerObject } from './object.js';
export type { ObjectBase, ObjectNamespace } from './platform.js';
