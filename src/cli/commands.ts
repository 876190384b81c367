import type { Command } from './command.js';

/** All commands by name, in the order of the help; each is loaded when it is asked for. */
export const commands: Readonly<Record<string, () => Promise<Command>>> = {
  redeem: async () => (await import('./commands/redeem.js')).redeem,
  cards: async () => (await import('./commands/cards.js')).cards,
  fetch: async () => (await import('./commands/fetch.js')).fetchCommand,
  'check-keys': async () => (await import('./commands/check-keys.js')).checkKeysCommand,
  history: async () => (await import('./commands/history.js')).history,
  backup: async () => (await import('./commands/backup.js')).backup,
  restore: async () => (await import('./commands/restore.js')).restore,
  recover: async () => (await import('./commands/recover.js')).recover,
  'vendor init': async () => (await import('./commands/vendor-init.js')).vendorInit,
  'vendor serve': async () => (await import('./commands/vendor-serve.js')).vendorServe,
  'voucher create': async () => (await import('./commands/voucher-create.js')).voucherCreate,
  'keys list': async () => (await import('./commands/keys-list.js')).keysList,
  'keys rotate': async () => (await import('./commands/keys-rotate.js')).keysRotate,
  'keys revoke': async () => (await import('./commands/keys-revoke.js')).keysRevoke,
  pack: async () => (await import('./commands/pack.js')).pack,
  'web export': async () => (await import('./commands/web-export.js')).webExport,
  'web verify': async () => (await import('./commands/web-verify.js')).webVerify,
  demo: async () => (await import('./commands/demo.js')).demo,
  inspect: async () => (await import('./commands/inspect.js')).inspect,
};
