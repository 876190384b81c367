export { offerX402, type X402Offer } from './beside.js';
export { createCardPayer, speakX402, type CardPayer, type CardPayerOptions } from './client.js';
export { createCardScheme, type CardScheme, type CardSchemeOptions, type RequestContext } from './server.js';
export { networkName as x402Network } from './wire.js';
