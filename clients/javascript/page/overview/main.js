// Puts the page together. Every event marks the page as changed; a changed page is repainted, for
// data at most 20 times a second.

import { Chart } from '../chart/chart.js';
import { chooseOne, elementsById, write } from '../shared/dom.js';
import { clock, count, nsToMs } from '../shared/format.js';
import { GapList } from './gap-list.js';
import { Health } from './health.js';
import { loadHistory } from './history.js';
import { Latencies } from './latencies.js';
import { Store } from './store.js';
import { OverviewSubscription } from './subscription.js';
import { Table } from './table.js';
import { showTitle } from './title.js';

/** Data is shown at most this often, because a person reads no faster. Input is shown at once. */
const REPAINT_MS = 50;
/** Ages grow even when no data comes. */
const TICK_MS = 250;
const HEALTH_MS = 1_000;
/** The same width as in the style: from here on list and chart lie side by side. */
const WIDE = matchMedia('(min-width: 800px)');

const settings = { encoding: 'bincode', rate: '5', window: '300' };
const elements = elementsById();

const store = new Store();
const gapList = new GapList();
const latencies = new Latencies();
const health = new Health(elements);
const chart = new Chart(elements.plot, elements.tooltip, gapList);
const table = new Table(store, elements, choose);
/** The topic of the chart, or null. */
let chosen = null;
let isDue = false;
/** Set while data waits for its repaint. */
let timer = null;
let painted_ms = 0;
/** The tape's position of the newest batch. */
let position = 0;

const overview = new OverviewSubscription(settings, {
  event(event) {
    receive(event);
    repaintInTime();
  },
  state(state, text, countdown = '') {
    write(elements.state, text);
    write(elements.countdown, countdown);
    elements.connection.querySelector('.dot').className = `dot ${state}`;
    document.body.classList.toggle('away', state !== 'live');
    elements.reconnect.hidden = state !== 'ended';
    repaint();
  },
  disconnected() {
    health.disconnected();
    gapList.open(serverNow(), 'not connected');
  },
});

function receive(event) {
  const now_ms = serverNow();
  switch (event.type) {
    case 'batch': {
      const { updates, snapshot } = event;
      const newest = updates.at(-1);
      position = event.to;
      gapList.batchArrived(event, now_ms);
      store.addBatch(event, now_ms);
      if (newest && !snapshot) latencies.add(performance.timeOrigin + performance.now(), newest.ingest_time_ns);
      break;
    }
    case 'status':
      store.setStatuses(event.statuses);
      store.setInfos(event.topics ?? []);
      break;
    case 'gap':
      gapList.open(now_ms, event.lost === undefined ? 'gap · some lost' : `gap · ${count(event.lost)} lost`, event.lost ?? null);
      break;
    case 'reset':
      store.reset();
      break;
    default:
  }
}

function serverNow() {
  return nsToMs(overview.client.serverNow());
}

function repaintInTime() {
  if (isDue || timer !== null) return;
  timer = setTimeout(repaint, Math.max(painted_ms + REPAINT_MS - performance.now(), 0));
}

function repaint() {
  if (isDue) return;
  isDue = true;
  requestAnimationFrame(paint);
}

function paint() {
  isDue = false;
  clearTimeout(timer);
  timer = null;
  painted_ms = performance.now();
  const now_ms = serverNow();
  if (chosen === null && WIDE.matches && store.rows.length > 0) chooseFirst();
  table.paint(now_ms);
  const row = (chosen === null ? null : store.get(chosen)) ?? null;
  elements.hint.hidden = row ? row.times.length > 0 : store.rows.length === 0;
  elements.window.hidden = !row;
  if (row) {
    if (!row.hasHistory && overview.client.readyState === overview.client.OPEN) requestHistory(row);
    showTitle(elements, row, now_ms);
  }
  chart.paint(row, now_ms);
  write(elements.now, `${clock(now_ms)} UTC`);
  health.repainted(performance.now() - painted_ms);
}

function choose(topic) {
  chosen = topic;
  document.body.classList.toggle('chosen', topic !== null);
  history.replaceState(null, '', topic === null ? location.pathname + location.search : `#${encodeURIComponent(topic)}`);
  table.choose(topic);
  repaint();
}

/** The topic in the address if it exists, else the first topic that has a chart. */
function chooseFirst() {
  const named = topicInAddress();
  if (named !== null && store.get(named)) return choose(named);
  const first = table.rows.find(({ number }) => number !== null);
  if (first) choose(first.topic);
}

function topicInAddress() {
  try {
    return location.hash.length > 1 ? decodeURIComponent(location.hash.slice(1)) : null;
  } catch {
    return null;
  }
}

function closeChart() {
  choose(null);
  elements.scroll.focus();
}

function requestHistory(row) {
  const { client } = overview;
  row.hasHistory = true;
  loadHistory(client, row.topic, row.oldest, (updates) => {
    // Another client begins from nothing.
    if (client !== overview.client) return null;
    store.addHistory(row.topic, updates);
    repaint();
    return row.oldest;
  });
}

function showHealth() {
  const { client, subscription } = overview;
  store.updateRates(serverNow());
  health.show({
    client, position, store, granted: subscription.granted, latency: latencies.quantiles(client.clock), matching: table.rows.length,
  });
  repaint();
}

function clientEnds() {
  health.clientEnds(overview.client);
  latencies.clear();
}

function pressKey(event) {
  const isInFilter = document.activeElement === elements.filter;
  if (event.key === '/' && !isInFilter) {
    event.preventDefault();
    elements.filter.focus();
  } else if (event.key === 'Escape' && isInFilter) {
    elements.filter.value = '';
    elements.filter.dispatchEvent(new Event('input'));
    elements.filter.blur();
  } else if (event.key === 'Escape' && !WIDE.matches) {
    closeChart();
  }
}

chooseOne(elements.encoding, settings, 'encoding', (encoding) => {
  clientEnds();
  overview.setEncoding(encoding);
});
chooseOne(elements.rate, settings, 'rate', (rate) => overview.setRate(rate));
chooseOne(elements.window, settings, 'window', (s) => {
  chart.window_s = Number(s);
  repaint();
});
write(elements.url, overview.url.host + overview.url.pathname);
elements.reconnect.addEventListener('click', () => {
  clientEnds();
  overview.start();
});
elements.back.addEventListener('click', closeChart);
elements.filter.addEventListener('input', () => {
  elements.filter.classList.toggle('wrong', !table.filter(elements.filter.value));
  repaint();
});
elements.head.addEventListener('click', repaint);
elements.scroll.addEventListener('scroll', repaint, { passive: true });
addEventListener('resize', repaint);
addEventListener('keydown', pressKey);
setInterval(repaint, TICK_MS);
setInterval(showHealth, HEALTH_MS);
if (topicInAddress() !== null) choose(topicInAddress());
repaint();
