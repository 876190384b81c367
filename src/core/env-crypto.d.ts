/** The part of Web Cryptography that sealed bodies use: AES-GCM. In browsers it exists in secure contexts only. */
interface SubtleAesGcm {
  importKey(
    format: 'raw',
    key: Uint8Array,
    algorithm: 'AES-GCM',
    extractable: false,
    usages: readonly ('encrypt' | 'decrypt')[],
  ): Promise<object>;
  encrypt(
    algorithm: { name: 'AES-GCM'; iv: Uint8Array },
    key: object,
    data: Uint8Array,
  ): Promise<ArrayBuffer>;
  decrypt(
    algorithm: { name: 'AES-GCM'; iv: Uint8Array },
    key: object,
    data: Uint8Array,
  ): Promise<ArrayBuffer>;
}
declare const crypto: { readonly subtle: SubtleAesGcm };
