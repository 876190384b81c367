// The vendor's own paths: key document, sale of cards, discovery.
import { endpoints } from 'impuls/server/next';
import { shop } from '../../shop.js';

export const { GET, HEAD, POST, OPTIONS } = endpoints(shop);
