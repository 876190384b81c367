/** Sealed content from any host, and its keys from the vendor: `impuls/client/content`. */
export { contentKeyUrl, parseContentKeyUrl, type ContentKeyUrl } from '../core/content-key.js';
export { manifestName, parseManifest, type ContentItem, type ContentManifest } from '../core/manifest.js';
export { mediaTypeOf } from '../core/media-types.js';
export type { DownloadOptions } from './download.js';
export {
  createKeyBuyer,
  type BoughtKey,
  type BuyOptions,
  type KeyBuyer,
  type KeyBuyerOptions,
} from './key-buyer.js';
export { createMemoryLibrary, type KeyLibrary } from './key-library.js';
export { readManifest, type FoundItem, type FoundManifest, type ReadManifestOptions } from './manifest.js';
export {
  openSealedUrl,
  readSealedUrl,
  type OpenedBody,
  type OpenedContent,
  type OpenFromOptions,
  type OpenProgress,
  type OpenSealedOptions,
  type SealedContent,
} from './sealed-url.js';
