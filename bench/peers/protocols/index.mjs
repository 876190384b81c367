/** What is measured, by name; each is loaded only where it is asked for. */
export const protocols = {
  'impuls-chain': async () => (({ openVerdict, chain }) => openVerdict(chain))(await import('./impuls.mjs')),
  'impuls-stream': async () =>
    (({ openVerdict, stream }) => openVerdict(stream))(await import('./impuls.mjs')),
  'impuls-chain-gate': async () => (({ openGate, chain }) => openGate(chain))(await import('./impuls.mjs')),
  'impuls-stream-gate': async () =>
    (({ openGate, stream }) => openGate(stream))(await import('./impuls.mjs')),
  'mppx-trivial': async () => (await import('./mppx.mjs')).openTrivial(),
  'mppx-voucher': async () => (await import('./mppx.mjs')).openVoucher(),
  'mppx-session': async () => (await import('./mppx.mjs')).openSession(),
  'x402-exact': async () => (await import('./x402.mjs')).openVerification(),
  'x402-server': async () => (await import('./x402.mjs')).openFramework(),
  cashu: async () => (await import('./cashu.mjs')).openCashu(),
  l402: async () => (await import('./l402.mjs')).openL402(),
  'privacy-pass': async () => (await import('./privacy-pass.mjs')).openPrivacyPass(),
};
