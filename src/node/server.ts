/** The vendor on Node: `impuls/server/node`. */
export {
  createNodeContentHandler,
  createNodeHandler,
  createPaidNodeHandler,
  type NodeHandler,
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
} from './vendor-folder.js';
