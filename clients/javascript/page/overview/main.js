// Puts the page together. Every event marks the page as changed; a changed page is repainted, for
// data at most 20 times a second.

import { INTERVALS_S } from '../candles/intervals.js';
import { chooseOne, copyText, elementsById, moveWithArrows, write } from '../shared/dom.js';
import { clock, midnight, zoneName } from '../shared/clock.js';
import { count, nsToMs, span } from '../shared/format.js';
import { remember, remembered } from '../shared/remembered.js';
import { Login } from '../shared/login.js';
import { LoginPanel } from '../shared/login-panel.js';
import { endOf } from '../shared/login-words.js';
import { chosenTheme, setTheme } from '../shared/theme.js';
import { Access } from './access.js';
import { readAddress, writeAddress } from './address.js';
import { Charts } from './charts.js';
import { emptyWords } from './empty-words.js';
import { GapList } from './gap-list.js';
import { Health } from './health.js';
import { open, prepareDialogs } from './help.js';
import { actionOf } from './keys.js';
import { Latencies } from './latencies.js';
import { Receiver } from './receive.js';
import { REFERENCES, References } from './references.js';
import { Store } from './store.js';
import { OverviewSubscription } from './subscription.js';
import { Table } from './table.js';
import { Workspace } from './workspace.js';

/** Data is shown at most this often, because a person reads no faster. Input is shown at once. */
const REPAINT_MS = 50;
/** Ages grow even when no data comes. */
const TICK_MS = 250;
const HEALTH_MS = 1_000;
/** A browser refuses an address that changes more often. */
const ADDRESS_MS = 400;
const COPIED_MS = 1_500;
/** Of the time shown, for one key. */
const PAN_PART = 0.2;
const ZOOM_FACTOR = 1.25;
/** The same width as in the style: from here on list and charts lie side by side. */
const WIDE = matchMedia('(min-width: 800px)');

const elements = elementsById();
const settings = {
  encoding: 'bincode', rate: '5', theme: chosenTheme(), zone: remembered('zone', ['local', 'utc']), reference: remembered('reference', REFERENCES),
};

const store = new Store();
const gapList = new GapList();
const latencies = new Latencies();
const health = new Health(elements);
const workspace = new Workspace();
let isDue = false;
/** Set while data waits for its repaint. */
let timer = null;
let addressTimer = null;
let painted_ms = 0;
/** Whether a person or a link has chosen what is shown. */
let isChosen = false;
/** The updates of the shown topics when the view was paused. */
let seenWhenPaused = null;

const access = new Access();
const login = new Login();
/** What the panel for the login shows. */
const shownLogin = { identity: null, problem: '', until_s: null };
/** The state of the connection, and the same in words. */
let connection = { state: 'trying', text: 'connecting' };

/** A connection has ended, and there is no other one yet. */
let isReconnecting = false;
const overview = new OverviewSubscription(settings, login, {
  event(event) {
    receiver.event(event, serverNow());
    repaintInTime();
  },
  state(state, text, { detail = '', countdown = '' } = {}) {
    if (state === 'live' && isReconnecting) store.connected(serverNow());
    if (state === 'live') isReconnecting = false;
    connection = { state, text };
    write(elements['state-text'], text);
    write(elements['state-detail'], detail);
    write(elements.countdown, countdown);
    elements.connection.querySelector('.dot').className = `dot ${state}`;
    document.body.classList.toggle('away', state !== 'live');
    elements.reconnect.hidden = state !== 'ended' || shownLogin.problem !== '';
    repaint();
  },
  identity(identity) {
    access.set(identity);
    access.mark(store.rows, serverNow());
    showLogin({ identity, problem: '', until_s: endOf(identity) });
  },
  ended(filter, error) {
    access.ended(filter, error);
    access.mark(store.rows, serverNow());
    repaint();
  },
  expiring(until_s) {
    showLogin({ until_s, problem: `Your login ends at ${clock(until_s * 1000, settings.zone === 'utc')}. Log in with a new token to stay.` });
  },
  problem(problem) {
    if (problem === '') return;
    showLogin({ identity: overview?.client.identity ?? null, problem, until_s: null });
    // Later a panel would be in the way of a person who looks at data.
    if (store.rows.length === 0 && !panel.isOpen) panel.open();
  },
  disconnected() {
    isReconnecting = true;
    health.disconnected();
    gapList.open(serverNow(), 'not connected');
    charts.disconnected();
  },
});
const receiver = new Receiver({ store, gapList, latencies, overview });
const table = new Table(store, elements, (topic, isKept) => {
  isChosen = true;
  if (isKept) workspace.keep(topic);
  else workspace.choose(topic);
  moved();
}, (hidden) => {
  const { identity, problem } = shownLogin;
  const nothing = identity?.subscribe.length === 0 ? 'Your login may read nothing.' : '';
  return emptyWords({ ...connection, hidden, problem: problem || nothing, address: overview.url.host, filter: overview.filter });
});
const references = new References(store, repaintInTime);
const charts = new Charts(elements, { workspace, store, overview, gapList, access }, {
  now_s: () => serverNow() / 1000,
  changed: (isInput, isUrgent = false) => (isUrgent ? paint() : isInput ? repaint() : repaintInTime()),
  moved,
});

const panel = new LoginPanel(elements.account, login, {
  now_s: () => serverNow() / 1000,
  enter: (token) => overview.enter(token),
  entered(isSame) {
    if (isSame) return;
    clientEnds();
    overview.start();
  },
  // Nothing of what this login could read stays here.
  leave() {
    login.forget();
    location.reload();
  },
});

function showLogin(changed) {
  Object.assign(shownLogin, changed);
  panel.show(shownLogin);
  repaint();
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
  requestAnimationFrame(() => {
    if (isDue) paint();
  });
}

function paint() {
  isDue = false;
  clearTimeout(timer);
  timer = null;
  painted_ms = performance.now();
  const now_ms = serverNow();
  const isUtc = settings.zone === 'utc';
  if (!isChosen && WIDE.matches && store.rows.length > 0) chooseFirst();
  table.choose(workspace.active?.topic ?? null);
  table.paint(now_ms);
  charts.paint(now_ms, isUtc);
  showTime(now_ms);
  write(elements.now, `${clock(now_ms, isUtc)} ${zoneName(now_ms, isUtc)}`);
  health.repainted(performance.now() - painted_ms);
}

/** What is shown of the time, and whether it follows. */
function showTime(now_ms) {
  const { view, isAll } = workspace;
  const isEmpty = workspace.charts.length === 0;
  elements.hint.hidden = !isEmpty || store.rows.length === 0;
  elements.time.hidden = isEmpty;
  let isNamed = isAll;
  for (const button of elements.window.children) {
    const isPressed = button.value === '0' ? isAll : !isAll && Number(button.value) === view.span_s;
    isNamed ||= isPressed;
    button.setAttribute('aria-pressed', String(isPressed));
  }
  write(elements.span, isNamed ? '' : span(view.span_s));
  elements.follow.hidden = view.end_s === null;
  if (view.end_s === null) {
    seenWhenPaused = null;
    return;
  }
  const seen = charts.received();
  seenWhenPaused ??= seen;
  write(elements.follow, `Paused · +${count(Math.max(seen - seenWhenPaused, 0))} new · ${span(Math.max(now_ms / 1000 - view.end_s, 0))} behind`);
}

/** The workspace is another one. */
function moved() {
  document.body.classList.toggle('chosen', workspace.charts.length > 0);
  addressTimer ??= setTimeout(() => {
    addressTimer = null;
    const address = currentAddress();
    history.replaceState(null, '', address ? `#${address}` : location.pathname + location.search);
  }, ADDRESS_MS);
  repaint();
}

const currentAddress = () => writeAddress({ charts: workspace.charts, view: workspace.view, list: elements.filter.value, isUtc: settings.zone === 'utc' });

function openAddress() {
  const { charts: named, span_s, end_s, list, isUtc } = readAddress(location.hash.slice(1));
  if (isUtc) setZone('utc');
  if (list !== undefined) filter(list);
  if (named.length === 0) return;
  isChosen = true;
  workspace.replace(named, { span_s, end_s });
  moved();
}

/** The first topic that has a chart. */
function chooseFirst() {
  const first = table.rows.find(({ number }) => number !== null);
  if (!first) return;
  isChosen = true;
  workspace.choose(first.topic);
  moved();
}

function closeCharts() {
  workspace.removeAll();
  isChosen = true;
  moved();
  elements.scroll.focus();
}

function showHealth() {
  const { client, granted } = overview;
  store.updateRates(serverNow());
  references.update(overview.client, table.inSight, serverNow());
  health.show({
    client, position: receiver.position, store, granted, latency: latencies.quantiles(client.clock), matching: table.rows.length,
  });
  repaint();
}

function clientEnds() {
  health.clientEnds(overview.client);
  latencies.clear();
  charts.clientEnds();
}

function filter(text) {
  elements.filter.value = text;
  elements.filter.classList.toggle('wrong', !table.filter(text));
  moved();
}

function setZone(zone) {
  settings.zone = zone;
  showZone();
  remember('zone', zone);
  moved();
}

/** Changes in percent are counted from another time. */
function chooseReference(kind) {
  const now_ms = serverNow();
  const isUtc = settings.zone === 'utc';
  const since = clock(now_ms, isUtc).slice(0, 5);
  references.choose(kind, now_ms, midnight(now_ms, isUtc));
  table.setReference(...{
    seen: ['', 'since this page first saw the topic'], day: ['24 h', 'within 24 hours'],
    midnight: ['00:00', 'since midnight'], now: [since, `since ${since}`],
  }[kind]);
  // A moment is not remembered.
  if (kind !== 'now') remember('reference', kind);
  repaint();
}

async function copyLink() {
  const isDone = await copyText(`${location.href.split('#')[0]}#${currentAddress()}`);
  write(elements.link, isDone ? 'Copied' : 'Not allowed');
  setTimeout(() => write(elements.link, 'Copy link'), COPIED_MS);
}

const now_s = () => serverNow() / 1000;
/** An action of the active chart, if there is one. */
const ofActive = (action) => () => workspace.active && action(workspace.active);
const zoom = (factor) => () => {
  const { view } = workspace;
  workspace.zoom(factor, (view.end_s ?? now_s()) - view.span_s / 2, 'key-zoom', now_s());
};

const ACTIONS = {
  filter: () => elements.filter.select(),
  leaveFilter: () => {
    elements.scroll.focus();
    table.enter();
  },
  clear: () => {
    filter('');
    elements.filter.blur();
  },
  help: () => open(elements.help),
  next: () => table.step(1),
  previous: () => table.step(-1),
  pageDown: () => table.stepPage(1),
  pageUp: () => table.stepPage(-1),
  first: () => table.step(-Infinity),
  keep: ofActive(({ topic }) => workspace.keep(topic)),
  remove: ofActive((chart) => workspace.remove(chart)),
  nextChart: () => workspace.activateNext(1),
  previousChart: () => workspace.activateNext(-1),
  pause: () => (workspace.view.end_s === null ? workspace.pause(now_s()) : workspace.follow(now_s())),
  follow: () => (document.activeElement === elements.scroll && workspace.view.end_s === null ? table.step(Infinity) : workspace.follow(now_s())),
  reset: () => workspace.reset(now_s()),
  zoomIn: zoom(1 / ZOOM_FACTOR),
  zoomOut: zoom(ZOOM_FACTOR),
  earlier: () => workspace.pan(-workspace.view.span_s * PAN_PART, 'key-pan', now_s()),
  later: () => workspace.pan(workspace.view.span_s * PAN_PART, 'key-pan', now_s()),
  candles: ofActive((chart) => workspace.setCandles(chart, chart.isCandles ? null : chart.interval_s, now_s())),
  interval: ofActive((chart) => {
    const at = INTERVALS_S.indexOf(chart.interval_s);
    workspace.setCandles(chart, INTERVALS_S[(at + 1) % INTERVALS_S.length], now_s());
  }),
  messages: ofActive((chart) => {
    chart.hasMessages = !chart.hasMessages;
  }),
  undo: () => workspace.undo(),
  zone: () => setZone(settings.zone === 'utc' ? 'local' : 'utc'),
  link: copyLink,
  escape: () => charts.active?.chart.clearRuler() || (!WIDE.matches && closeCharts()),
};

function pressKey(event) {
  const { target } = event;
  if (event.isComposing || document.querySelector('dialog[open]')) return;
  const action = actionOf(event, {
    isWriting: target.matches('input, textarea'),
    isControl: target.matches('button, a'),
    isScrollable: target.matches('pre'),
  });
  if (!action) return;
  event.preventDefault();
  ACTIONS[action]();
  moved();
}

/** On a narrow screen these stand in the settings. */
function place() {
  const wide = elements['open-settings'];
  for (const name of ['encoding', 'rate']) {
    if (WIDE.matches) wide.before(elements[name]);
    else elements[`${name}-place`].append(elements[name]);
  }
}

chooseOne(elements.encoding, settings, 'encoding', (encoding) => {
  clientEnds();
  overview.setEncoding(encoding);
});
chooseOne(elements.rate, settings, 'rate', (rate) => {
  overview.setRate(rate);
  store.addJoin(serverNow() / 1000, rate === 'every' ? 'every update from here' : overview.rateText);
});
chooseOne(elements.theme, settings, 'theme', (theme) => {
  setTheme(theme);
  charts.restyle();
});
chooseOne(elements.reference, settings, 'reference', chooseReference);
const showZone = chooseOne(elements.zone, settings, 'zone', setZone);
moveWithArrows(elements.window);
moveWithArrows(elements.head);
prepareDialogs(elements);
write(elements.url, overview.url.host + overview.url.pathname);
elements.window.addEventListener('click', ({ target }) => {
  if (target.value === undefined) return;
  workspace.setSpan(Number(target.value) || null, now_s());
  moved();
});
elements.follow.addEventListener('click', () => {
  workspace.follow(now_s());
  moved();
});
elements.reconnect.addEventListener('click', () => {
  clientEnds();
  overview.start();
});
elements.link.addEventListener('click', copyLink);
elements.now.addEventListener('click', ACTIONS.zone);
elements['open-help'].addEventListener('click', () => open(elements.help));
elements['open-settings'].addEventListener('click', () => open(elements.settings));
elements.back.addEventListener('click', closeCharts);
elements.filter.addEventListener('input', () => filter(elements.filter.value));
elements.head.addEventListener('click', repaint);
elements.scroll.addEventListener('scroll', repaint, { passive: true });
WIDE.addEventListener('change', place);
place();
addEventListener('resize', repaint);
addEventListener('hashchange', openAddress);
addEventListener('keydown', pressKey);
setInterval(() => {
  receiver.watch(serverNow());
  repaint();
}, TICK_MS);
setInterval(showHealth, HEALTH_MS);
openAddress();
if (settings.reference !== 'seen') chooseReference(settings.reference);
repaint();
