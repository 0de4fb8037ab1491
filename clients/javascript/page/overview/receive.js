// Brings the events of the page's subscription to its data.

import { lossLabel } from './gap-list.js';

export class Receiver {
  /** The tape's position of the newest batch. */
  position = 0;
  #parts;
  /** When the server fell silent, while a gap is open for that; null otherwise. */
  #silent_ms = null;

  /** @param {object} parts `store`, `gapList`, `latencies`, `overview` */
  constructor(parts) {
    this.#parts = parts;
  }

  event(event, now_ms) {
    const { store, gapList, latencies, overview } = this.#parts;
    switch (event.type) {
      case 'batch': {
        const { updates, snapshot } = event;
        const newest = updates.at(-1);
        this.position = event.to;
        gapList.batchArrived(event, now_ms);
        store.addBatch(event, now_ms);
        if (newest && !snapshot) latencies.add(performance.timeOrigin + performance.now(), newest.ingest_time_ns, overview.distance_ms, overview.client.clock);
        break;
      }
      case 'status':
        store.setStatuses(event.statuses);
        store.setInfos(event.topics ?? []);
        break;
      case 'gap':
        gapList.open(now_ms, lossLabel(event), event.lost ?? null);
        break;
      case 'truncated':
        gapList.open(now_ms, lossLabel(event), event.lost ?? null);
        store.reset();
        break;
      case 'reset':
        store.reset();
        break;
      default:
    }
  }

  /** Opens a gap while the server is silent beyond its heartbeat. Call it often. */
  watch(now_ms) {
    const { gapList, overview } = this.#parts;
    const silent_ms = overview.silentSince();
    if (silent_ms !== null && this.#silent_ms === null) gapList.openSilence(silent_ms);
    if (silent_ms === null && this.#silent_ms !== null) gapList.closeSilence(now_ms);
    this.#silent_ms = silent_ms;
  }
}
