// The numbers around the table and the chart: throughput, latency, losses, topics and points.
// A person cannot read them more often than once a second.

import { write } from '../shared/dom.js';
import { count, millis, signed } from '../shared/format.js';

/** Repaints whose time is remembered. */
const MAX_REPAINTS = 120;
const OFFSET_DECIMALS = 2;

export class Health {
  #elements;
  #repaints_ms = [];
  /** Counts of earlier clients of this page: each change of the encoding makes a new client. */
  #earlier = { updates: 0, gaps: 0, lost: 0, connections: 0 };
  /** The tape's position at the newest measurement, and its time. */
  #measured = null;

  constructor(elements) {
    this.#elements = elements;
  }

  repainted(ms) {
    this.#repaints_ms.push(ms);
    if (this.#repaints_ms.length > MAX_REPAINTS) this.#repaints_ms.shift();
  }

  /** The connection ended, so the next throughput needs a new start. */
  disconnected() {
    this.#measured = null;
  }

  /** Another client will follow. */
  clientEnds({ stats }) {
    for (const name of Object.keys(this.#earlier)) this.#earlier[name] += stats[name];
    this.#measured = null;
  }

  /**
   * @param {object} now
   * @param {import('../../index.js').Client} now.client
   * @param {object | null} now.granted mode and rate of the subscription
   * @param {number} now.position the tape's position of the newest batch
   * @param {{ p50?: number, p99?: number }} now.latency
   * @param {object} now.store
   * @param {number} now.matching rows that match the filter
   */
  show({ client, granted, position, latency, store, matching }) {
    const elements = this.#elements;
    write(elements.throughput, this.#throughput(client, position));
    write(elements.p50, millis(latency.p50));
    write(elements.p99, millis(latency.p99));
    this.#showConnection(client, granted, store.unshown);
    elements.unhealthy.hidden = store.notLive === 0;
    showFact(elements.unhealthy, 'stale or dead', count(store.notLive));
    const topics = count(store.rows.length);
    showFact(elements.topics, 'topics', matching === store.rows.length ? topics : `${count(matching)} of ${topics}`);
    showFact(elements.kept, 'kept', `${count(store.points)} points`);
    showFact(elements.gaps, 'gaps', count(this.#total(client, 'gaps')));
    const sorted = [...this.#repaints_ms].sort((a, b) => a - b);
    showFact(elements.repaint, 'repaint p95', millis(sorted[Math.floor(sorted.length * 0.95)]));
  }

  #total({ stats }, name) {
    return this.#earlier[name] + stats[name];
  }

  /** Updates per second on the tape, from the distance between two positions of it. */
  #throughput(client, position) {
    const before = this.#measured;
    const isOpen = client.readyState === client.OPEN;
    const now = { ms: performance.now(), position, epoch: client.welcome?.epoch };
    this.#measured = isOpen ? now : null;
    if (!isOpen || before === null || before.epoch !== now.epoch || position < before.position) return '–';
    return count(Math.round(((position - before.position) * 1000) / (now.ms - before.ms)));
  }

  #showConnection(client, granted, unshown) {
    const { clock, encoding } = client;
    const [lost, gaps] = [this.#total(client, 'lost'), this.#total(client, 'gaps')];
    const rate = granted?.max_rate_hz ? `, ${granted.max_rate_hz} /s` : '';
    const facts = [
      ['Received', count(this.#total(client, 'updates')), ''],
      ['Lost', lost === 0 ? '0' : `${count(lost)} in ${count(gaps)} ${gaps === 1 ? 'gap' : 'gaps'}`, lost > 0 ? 'bad' : ''],
      ['Connections', count(this.#total(client, 'connections')), ''],
      ['Granted', granted ? `${encoding}, ${granted.mode}${rate}` : '–', ''],
      ['Round trip', clock ? millis(Number(clock.round_trip_ns) / 1e6) : '–', ''],
      ['Clock offset', clock ? `${signed(Number(clock.offset_ns) / 1e6, OFFSET_DECIMALS)} ms` : '–', ''],
    ];
    if (unshown > 0) facts.push(['Topics not shown', count(unshown), 'warning']);
    const list = this.#elements.health;
    while (list.children.length < facts.length) {
      const pair = document.createElement('div');
      pair.append(document.createElement('dt'), document.createElement('dd'));
      list.append(pair);
    }
    facts.forEach(([name, text, color], at) => {
      const [term, description] = list.children[at].children;
      write(term, name);
      write(description, text);
      description.className = color;
    });
  }
}

function showFact(target, name, text) {
  if (!target.firstElementChild) target.append(`${name} `, document.createElement('b'));
  write(target.firstElementChild, text);
}
