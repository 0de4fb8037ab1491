/**
 * The topics of one epoch by their id. A client has one table for all its subscriptions and
 * connections.
 */
export class TopicTable {
  #epoch = null;
  #topics = new Map();

  /** @param {{ epoch: string, topics: object[] }} [saved] the result of an earlier `save` */
  constructor(saved) {
    if (!saved) return;
    this.#epoch = saved.epoch;
    for (const info of saved.topics) this.learn(info);
  }

  get epoch() {
    return this.#epoch;
  }

  /** A connection has this epoch. Another epoch than before clears the table. */
  enter(epoch) {
    if (epoch === this.#epoch) return;
    this.#epoch = epoch;
    this.#topics.clear();
  }

  /**
   * Replaces what was known about the topic.
   *
   * @param {{ id: number, topic: string, unit?: string, name?: string, state_class?: string }} info
   */
  learn(info) {
    this.#topics.set(info.id, info);
  }

  /** The topic of an id, or undefined. */
  name(id) {
    return this.#topics.get(id)?.topic;
  }

  /** The id of a topic, or undefined. A linear search: only the servers of tests encode ids. */
  id(topic) {
    for (const info of this.#topics.values()) if (info.topic === topic) return info.id;
    return undefined;
  }

  /** The whole table as plain data for JSON. */
  save() {
    return { epoch: this.#epoch, topics: [...this.#topics.values()] };
  }
}
