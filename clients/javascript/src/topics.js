/**
 * What the topic ids of one epoch stand for. One table serves all subscriptions and all connections
 * of a client.
 */
export class TopicTable {
  #epoch = null;
  #topics = new Map();

  /** @param {{ epoch: string, topics: object[] }} [saved] what `save` returned */
  constructor(saved) {
    if (!saved) return;
    this.#epoch = saved.epoch;
    for (const info of saved.topics) this.learn(info);
  }

  get epoch() {
    return this.#epoch;
  }

  /** Forgets everything if the epoch is another one. */
  enter(epoch) {
    if (epoch === this.#epoch) return;
    this.#epoch = epoch;
    this.#topics.clear();
  }

  /** @param {{ id: number, topic: string, unit?: string }} info */
  learn(info) {
    this.#topics.set(info.id, info);
  }

  /** The topic of an id, or undefined. */
  name(id) {
    return this.#topics.get(id)?.topic;
  }

  /** The id of a topic, or undefined. Looks at each: only servers made for tests ask. */
  id(topic) {
    for (const info of this.#topics.values()) if (info.topic === topic) return info.id;
    return undefined;
  }

  /** Everything, as plain data that JSON can hold. */
  save() {
    return { epoch: this.#epoch, topics: [...this.#topics.values()] };
  }
}
