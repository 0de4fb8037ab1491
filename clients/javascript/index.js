export { Client } from './src/client.js';
export { MalformedError } from './src/bincode.js';
export { ServerError } from './src/requests.js';
export { Subscription } from './src/subscription.js';
