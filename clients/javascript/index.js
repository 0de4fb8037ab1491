export { Client } from './src/client.js';
export { ForbiddenError, MalformedError, ServerError, UncertainError } from './src/errors.js';
export { Subscription } from './src/subscription/subscription.js';
