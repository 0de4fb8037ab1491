// Puts the page together: what comes in marks it as changed, and some 20 times a second at most it is written.

import { Chart, lostText } from './chart.js';
import { elements, switchable, write } from './dom.js';
import { clock, count, millis, signed } from './format.js';
import { Link } from './link.js';
import { PERCENT_DECIMALS, Store, toMs } from './store.js';
import { Table, signOf, standingOf } from './table.js';

/** What comes in is shown so often at most: nobody reads faster, and what people do is shown at once. */
const SHOWN_MS = 50;
/** Ages grow also when nothing comes. */
const TICK_MS = 250;
const MEASURE_MS = 1_000;
/** Repaints of which the time is remembered. */
const MAX_PAINTS = 120;
/** Updates of one topic's past, at most: as many as a chart keeps, and of one question. */
const HISTORY_LIMIT = 7_200;
const HISTORY_PAGE = 2_000;
/** As in the style: side by side from here on. */
const WIDE = matchMedia('(min-width: 800px)');

const settings = { encoding: 'bincode', rate: '5', window: '300' };
const element = elements();

const store = new Store();
const chart = new Chart(element.plot, element.tip, store);
const table = new Table(store, element, choose);
let chosen = null;
let isDirty = false;
/** When what came in is shown, if that is to wait. */
let timer = null;
let painted_ms = 0;
let unitsOf = -1;
/** The tape's position of the newest batch. */
let position = 0;
let flow = null;
const paints = [];

const link = new Link(settings, {
  event(event) {
    const now_ms = serverNow();
    if (event.type === 'batch') {
      position = event.to;
      store.take(event, now_ms, performance.timeOrigin + performance.now());
    }
    if (event.type === 'status') store.judge(event.statuses);
    if (event.type === 'gap') store.openHole(now_ms, lostText(event.lost), event.lost ?? null);
    if (event.type === 'reset') store.reset();
    arrived();
  },
  say(state, words, countdown = '') {
    write(element.words, words);
    write(element.countdown, countdown);
    element.link.querySelector('.dot').className = `dot ${state}`;
    document.body.classList.toggle('away', state !== 'live');
    element.again.hidden = state !== 'ended';
    touch();
  },
  lost() {
    flow = null;
    store.openHole(serverNow(), 'not connected');
  },
});

function serverNow() {
  return toMs(link.client.serverNow());
}

function arrived() {
  if (isDirty || timer !== null) return;
  timer = setTimeout(touch, Math.max(painted_ms + SHOWN_MS - performance.now(), 0));
}

function touch() {
  if (isDirty) return;
  isDirty = true;
  requestAnimationFrame(paint);
}

function paint() {
  isDirty = false;
  clearTimeout(timer);
  timer = null;
  const started = performance.now();
  painted_ms = started;
  const now_ms = serverNow();
  if (chosen === null && WIDE.matches && store.rows.length > 0) chooseFirst();
  table.paint(now_ms);
  const row = chosen === null ? undefined : store.get(chosen);
  element.hint.hidden = row ? row.times.length > 0 : store.rows.length === 0;
  element.window.hidden = !row;
  if (row) {
    if (!row.hasPast && link.client.readyState === link.client.OPEN) recall(row);
    paintTitle(row, now_ms);
    chart.paint(row, now_ms);
  }
  write(element.now, `${clock(now_ms)} UTC`);
  paints.push(performance.now() - started);
  if (paints.length > MAX_PAINTS) paints.shift();
}

function paintTitle(row, now_ms) {
  write(element.topic, row.topic);
  element.plot.setAttribute('aria-label', `Chart of ${row.topic}`);
  write(element.last, row.unit ? `${row.text} ${row.unit}` : row.text);
  const change = signed(row.change, PERCENT_DECIMALS);
  write(element.change, change && `${change} %`);
  element.change.className = `mono ${signOf(change)}`;
  const [standing, color] = standingOf(row, now_ms);
  write(element.standing, color && standing);
  element.standing.className = color;
  const kind = row.kind === 'quote' ? 'bid' : row.kind;
  write(element.kind, row.extra ? `${kind} · ${row.extra}` : kind);
  write(element.hint, row.number === null ? `A ${row.kind} has no chart.` : '');
}

function choose(topic) {
  chosen = topic;
  document.body.classList.toggle('chosen', topic !== null);
  history.replaceState(null, '', topic === null ? location.pathname + location.search : `#${encodeURIComponent(topic)}`);
  table.choose(topic);
  chart.show(null);
  touch();
}

/** What the server holds of a topic from before this page came. */
async function recall(row) {
  row.hasPast = true;
  const { client } = link;
  let left = HISTORY_LIMIT;
  try {
    while (left > 0) {
      const { updates, more } = await client.history(row.topic, { limit: Math.min(left, HISTORY_PAGE), before: row.oldest });
      if (client !== link.client) return;
      store.remember(row.topic, updates);
      chart.show(null);
      touch();
      left -= updates.length;
      if (!more || updates.length === 0) return;
    }
  } catch {
    // The server keeps none, or is away: the chart begins where the page did.
  }
}

/** The one in the address if it is there, else the first that has a chart. */
function chooseFirst() {
  const named = fromAddress();
  if (named !== null && store.get(named)) return choose(named);
  const first = table.rows.find(({ number }) => number !== null);
  if (first) choose(first.topic);
}

function fromAddress() {
  try {
    return location.hash.length > 1 ? decodeURIComponent(location.hash.slice(1)) : null;
  } catch {
    return null;
  }
}

/** What a person can not read faster than once a second. */
function measure() {
  const now_ms = serverNow();
  const { client, subscription } = link;
  store.measure(now_ms);
  if (unitsOf !== store.rows.length) {
    unitsOf = store.rows.length;
    store.learn(client.topics.topics);
  }
  const at = { ms: performance.now(), position, epoch: client.welcome?.epoch };
  const isOpen = client.readyState === client.OPEN;
  const isSame = isOpen && flow !== null && flow.epoch === at.epoch && at.position >= flow.position;
  write(element.flow, isSame ? count(Math.round(((at.position - flow.position) * 1000) / (at.ms - flow.ms))) : '–');
  flow = isOpen ? at : null;
  const { p50, p99 } = store.latency(client.clock);
  write(element.p50, millis(p50));
  write(element.p99, millis(p99));
  health(client, subscription);
  const ailing = store.ailing();
  element.ailing.hidden = ailing === 0;
  fact(element.ailing, 'stale or dead', count(ailing));
  fact(element.shown, 'topics', table.rows.length === store.rows.length ? count(store.rows.length) : `${count(table.rows.length)} of ${count(store.rows.length)}`);
  fact(element.kept, 'kept', `${count(store.points)} points`);
  fact(element.gaps, 'gaps', count(past.gaps + client.stats.gaps));
  const sorted = [...paints].sort((a, b) => a - b);
  fact(element.repaint, 'repaint p95', millis(sorted[Math.floor(sorted.length * 0.95)]));
  touch();
}

/** Counts of clients that this page had before, with another encoding. */
const past = { updates: 0, gaps: 0, lost: 0, connections: 0, violations: 0 };

function remember() {
  for (const name of Object.keys(past)) past[name] += link.client.stats[name];
  store.forgetLatency();
  flow = null;
}

function health({ stats, clock: estimate, encoding }, { granted }) {
  const total = (name) => past[name] + stats[name];
  const lost = total('lost');
  const ms = (ns) => millis(Number(ns) / 1e6);
  const facts = [
    ['Received', count(total('updates')), ''],
    ['Lost', lost === 0 ? '0' : `${count(lost)} in ${total('gaps') === 1 ? '1 gap' : `${count(total('gaps'))} gaps`}`, lost > 0 ? 'bad' : ''],
    ['Connections', count(total('connections')), ''],
    ['Granted', granted ? `${encoding}, ${granted.mode}${granted.max_rate_hz ? `, ${granted.max_rate_hz} /s` : ''}` : '–', ''],
    ['Round trip', estimate ? ms(estimate.round_trip_ns) : '–', ''],
    ['Clock offset', estimate ? `${signed(Number(estimate.offset_ns) / 1e6, 2) || '0.00'} ms` : '–', ''],
  ];
  if (store.unseen > 0) facts.push(['Topics not shown', count(store.unseen), 'warning']);
  while (element.health.children.length < facts.length) {
    const pair = document.createElement('div');
    pair.append(document.createElement('dt'), document.createElement('dd'));
    element.health.append(pair);
  }
  facts.forEach(([name, text, color], at) => {
    const [term, description] = element.health.children[at].children;
    write(term, name);
    write(description, text);
    description.className = color;
  });
}

function fact(target, name, text) {
  if (!target.firstElementChild) target.append(`${name} `, document.createElement('b'));
  write(target.firstElementChild, text);
}

switchable(element.encoding, settings, 'encoding', (encoding) => {
  remember();
  link.setEncoding(encoding);
});
switchable(element.rate, settings, 'rate', (rate) => link.setRate(rate));
switchable(element.window, settings, 'window', (s) => {
  chart.window_s = Number(s);
  touch();
});
write(element.url, link.url.host + link.url.pathname);
element.again.addEventListener('click', () => {
  remember();
  link.start();
});
function leave() {
  choose(null);
  element.scroll.focus();
}
element.leave.addEventListener('click', leave);
element.filter.addEventListener('input', () => {
  element.filter.classList.toggle('wrong', !table.filter(element.filter.value));
  touch();
});
element.head.addEventListener('click', touch);
element.scroll.addEventListener('scroll', touch, { passive: true });
addEventListener('resize', touch);
addEventListener('keydown', (event) => {
  if (event.key === '/' && document.activeElement !== element.filter) {
    event.preventDefault();
    element.filter.focus();
  } else if (event.key === 'Escape' && document.activeElement === element.filter) {
    element.filter.value = '';
    element.filter.dispatchEvent(new Event('input'));
    element.filter.blur();
  } else if (event.key === 'Escape' && !WIDE.matches) {
    leave();
  }
});
setInterval(touch, TICK_MS);
setInterval(measure, MEASURE_MS);
if (fromAddress() !== null) choose(fromAddress());
touch();
