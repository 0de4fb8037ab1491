import { Lineage } from './lineage.js';

/**
 * The topics of one epoch and those that continue it, by their id. A client has one table for all
 * its subscriptions and connections.
 */
export class TopicTable {
  #epoch = null;
  #lineage = null;
  #topics = new Map();

  /** @param {{ epoch: string, topics: object[] }} [saved] the result of an earlier `save` */
  constructor(saved) {
    if (!saved) return;
    this.#epoch = saved.epoch;
    for (const info of saved.topics) this.learn(info);
  }

  /** Whether it has the topics of an epoch. */
  covers(epoch) {
    return epoch === this.#epoch || this.#lineage?.kept(epoch) !== undefined;
  }

  /** The epochs of the last connection. */
  get lineage() {
    return this.#lineage;
  }

  /**
   * A connection is open. An epoch that does not continue the one before clears the table. Else the
   * server introduces the topics anew whose ids are not those of the epoch before.
   *
   * @param {{ epoch: string, continues?: { epoch: string, last: number }[] }} welcome
   */
  enter(welcome) {
    this.#lineage = new Lineage(welcome);
    if (this.#lineage.kept(this.#epoch) === undefined) this.#topics.clear();
    this.#epoch = welcome.epoch;
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
