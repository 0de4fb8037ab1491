// A React hook: the newest value of each topic that a filter matches.

import { useMemo, useSyncExternalStore } from 'react';

/** What a component shows before the first value. */
const NOTHING = { status: 'pending', updates: new Map(), error: null };

/**
 * One subscription and what it has brought, for as long as components look at it. React compares
 * snapshots by identity, so each change makes a new one.
 */
class Values {
  #client;
  #filter;
  #options;
  #subscription = null;
  #snapshot = NOTHING;
  #listeners = new Set();

  constructor(client, filter, options) {
    this.#client = client;
    this.#filter = filter;
    this.#options = options;
  }

  /** The first listener subscribes, and the last one ends the subscription. */
  listen = (listener) => {
    this.#listeners.add(listener);
    if (!this.#subscription) this.#open();
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.#close();
    };
  };

  snapshot = () => this.#snapshot;

  #open() {
    const subscription = this.#client.subscribe(this.#filter, this.#options, (event) => this.#take(event));
    this.#subscription = subscription;
    // The status tells of a refusal as well.
    subscription.ready.catch(() => {});
    subscription.addEventListener('status', ({ detail: { status, error } }) => {
      if (subscription === this.#subscription) this.#change({ status, error: error ?? null });
    });
  }

  #close() {
    const subscription = this.#subscription;
    this.#subscription = null;
    subscription.close();
    this.#snapshot = NOTHING;
  }

  #take(event) {
    if (event.type === 'reset') this.#change({ updates: new Map() });
    if (event.type !== 'batch' || event.updates.length === 0) return;
    const updates = new Map(this.#snapshot.updates);
    for (const update of event.updates) updates.set(update.topic, update);
    this.#change({ updates });
  }

  #change(part) {
    this.#snapshot = { ...this.#snapshot, ...part };
    for (const listener of this.#listeners) listener();
  }
}

/**
 * Subscribes while the component is mounted.
 *
 * @param {import('tickcast').Client} client one for the whole application
 * @param {string} filter
 * @param {number} [maxRateHz] more than people can read is wasted
 * @returns {{
 *   status: string,
 *   updates: Map<string, import('tickcast').Update>,
 *   error: Error | null,
 * }}
 */
export function useValues(client, filter, maxRateHz = 5) {
  const values = useMemo(() => new Values(client, filter, { mode: 'latest', max_rate_hz: maxRateHz }), [client, filter, maxRateHz]);
  return useSyncExternalStore(values.listen, values.snapshot, values.snapshot);
}
