export { offerMppx, type MppxHandler, type MppxOffer } from './beside.js';
export { createCardPayer, type CardPayer, type CardPayerOptions } from './client.js';
export { createCardMethods, type CardMethods, type CardMethodsOptions } from './server.js';
