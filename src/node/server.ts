/** The vendor on Node: `impuls/server/node`. */
export {
  createCallHandler,
  createNodeContentHandler,
  createNodeHandler,
  createPaidNodeHandler,
  type NodeHandler,
  type NodeHandlerOptions,
  type Paid,
  type PaidNodeHandler,
} from './http.js';
export { createRsaSigner, generateIssuingKey, type RsaSigner } from './rsa.js';
export {
  initVendorFolder,
  openVendorFolder,
  type InitVendorOptions,
  type NewVendor,
  type VendorFolder,
  type VendorFolderOptions,
} from './vendor/folder.js';
export { openVendor, type OpenVendor, type OpenVendorOptions } from './vendor/open.js';
export { revokeKey, type RevocationRequest } from './vendor/revocation.js';
export { rotateKeys, type KeyKind, type Rotated, type Rotation } from './vendor/rotation.js';
export type { VendorMode } from './vendor/settings.js';
export type { WriteFile } from './vendor/store.js';
