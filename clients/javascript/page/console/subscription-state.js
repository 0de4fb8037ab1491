// Follows the newest subscription through the server's messages. The examples take its channel and
// its resume token from here.

export class SubscriptionState {
  /** `{ channel, filter, mode, epoch, position, count }`, or null before the first subscription. */
  current = null;

  /** @param {object} message of the server */
  follow(message) {
    const { current } = this;
    if (message.type === 'subscribed') return this.#subscribed(message);
    if (current === null || (message.channel !== current.channel && message.previous !== current.channel)) return;
    switch (message.type) {
      case 'changed': {
        const { channel, mode, position, count } = message;
        Object.assign(current, { channel, mode, position, count });
        break;
      }
      case 'batch':
        if (!message.snapshot) Object.assign(current, { position: message.to, count: current.count + message.updates.length });
        break;
      case 'gap':
        Object.assign(current, { position: message.to, count: current.count + (message.lost ?? 0) });
        break;
      default:
    }
  }

  /** Takes the first of the results that is no refusal. */
  #subscribed({ results }) {
    const accepted = results.find(({ code }) => code === undefined);
    if (!accepted) return;
    const { channel, filter, mode, epoch, position, count } = accepted;
    this.current = { channel, filter, mode, epoch, position, count };
  }
}
