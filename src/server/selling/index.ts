/** Orders that somebody else takes money for: `impuls/server/sales`. */
export { createPayments, type Payments } from './payments.js';
export { createMemorySaleRecords, type Mark, type PaymentRecord, type SaleRecords } from './sale-records.js';
export { createSales, type Sale, type SaleName, type Sales, type SalesOptions } from './sales.js';
export { createShopApi, hashToken, type ShopApi, type ShopApiOptions } from './shop-api.js';
