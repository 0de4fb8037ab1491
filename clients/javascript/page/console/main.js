// Puts the console together. Each button runs a line of a program, and the log shows every event.

import { Client } from '../../index.js';
import { chooseOne, elementsById, socketUrl, write } from '../shared/dom.js';
import { checkToken } from '../shared/login-check.js';
import { LoginPanel } from '../shared/login-panel.js';
import { endOf, problemOf } from '../shared/login-words.js';
import { Login } from '../shared/login.js';
import { BINCODE, BareSocket } from './bare-socket.js';
import { Chat } from './chat.js';
import { EXAMPLES, VIOLATIONS } from './examples.js';
import { Log } from './log.js';

const TICK_MS = 250;
/** The same width as in the style: below it everything stands in one column. */
const NARROW = matchMedia('(max-width: 799px)');
const DEFAULT_ROOM = 'lobby';
/** By `readyState`. */
const DOT_CLASSES = { 0: 'trying', 1: 'live', 2: 'trying', 3: 'ended' };

const elements = elementsById();
const settings = { path: 'ws', protocol: '', binary: 'arraybuffer', form: 'text' };

const log = new Log({ list: elements.log, newer: elements.newer });
let isDue = false;
const socket = new BareSocket((entry) => {
  log.add(entry);
  repaint();
});

function repaint() {
  if (isDue) return;
  isDue = true;
  requestAnimationFrame(paint);
}

function paint() {
  isDue = false;
  log.paint();
  const { readyState, stateText, bufferedAmount } = socket;
  elements.state.querySelector('.dot').className = `dot ${DOT_CLASSES[readyState] ?? ''}`;
  write(elements.ready, readyState < 0 ? stateText : `readyState ${readyState} ${stateText}`);
  write(elements.buffered, bufferedAmount > 0 ? `${bufferedAmount} bytes buffered` : '');
  elements.open.disabled = readyState >= 0 && readyState < 3;
  elements.close.disabled = readyState < 0;
  elements.send.disabled = readyState < 0;
  for (const button of elements.violations.children) button.disabled = readyState !== 1;
}

const isBinary = () => settings.protocol === BINCODE;

chooseOne(elements.path, settings, 'path');
const showForm = chooseOne(elements.form, settings, 'form');
chooseOne(elements.binary, settings, 'binary');
chooseOne(elements.protocol, settings, 'protocol', useFormOfProtocol);

function useFormOfProtocol() {
  settings.form = isBinary() ? 'bincode' : 'text';
  showForm();
}

function addButtons(list, items, press) {
  for (const item of items) {
    const button = list.appendChild(document.createElement('button'));
    button.append(Object.assign(document.createElement('b'), { textContent: item.name }));
    button.append(Object.assign(document.createElement('span'), { textContent: item.description }));
    button.addEventListener('click', () => press(item));
  }
}

addButtons(elements.examples, EXAMPLES, (example) => {
  const message = example.message(socket.subscription);
  write(elements.hint, message ? example.description : example.needs);
  if (!message) return;
  elements.typed.value = typeof message === 'string' ? message : JSON.stringify(message);
  if (settings.form === 'hex') useFormOfProtocol();
  fitTyped();
  elements.typed.focus();
});
addButtons(elements.violations, VIOLATIONS, ({ run }) => {
  showLog();
  run(socket, isBinary());
});

/** Gives the message field the height of its text. */
function fitTyped() {
  elements.typed.style.height = 'auto';
  elements.typed.style.height = `${elements.typed.scrollHeight + 2}px`;
}

/** On a narrow screen the log may be out of sight. */
function showLog() {
  log.follow();
  if (NARROW.matches) elements.log.parentElement.scrollIntoView({ block: 'start' });
}

function send() {
  if (socket.readyState < 0) return write(elements.hint, 'Open a connection first.');
  showLog();
  socket.send(elements.typed.value, settings.form);
}

elements.open.addEventListener('click', () => {
  showLog();
  socket.open(socketUrl(settings.path), settings.protocol, settings.binary);
});
elements.send.addEventListener('click', send);
elements.typed.addEventListener('input', fitTyped);
elements.typed.addEventListener('keydown', (event) => {
  if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  send();
});
elements.closing.addEventListener('submit', (event) => {
  event.preventDefault();
  showLog();
  const code = elements.code.value.trim();
  socket.close(code === '' ? undefined : Number(code), elements.reason.value);
});
elements.clear.addEventListener('click', () => log.clear());

const login = new Login();
const shownLogin = { identity: null, problem: '', until_s: null };
const chat = new Chat(socketUrl('ws'), elements.lines, {
  trouble(text, isBad) {
    write(elements.trouble, text);
    elements.trouble.className = isBad ? 'bad' : 'muted';
  },
  identity: (identity) => showLogin({ identity, problem: '', until_s: endOf(identity) }),
  problem: (error) => showLogin({ identity: null, problem: problemOf(error), until_s: null }),
}, login);
const panel = new LoginPanel(elements.account, login, {
  now_s: () => chat.now_s,
  enter: (token) => checkToken(Client, socketUrl('ws'), token),
  entered: () => chat.connect(),
  leave() {
    login.forget();
    location.reload();
  },
});

function showLogin(changed) {
  Object.assign(shownLogin, changed);
  panel.show(shownLogin);
}

function enterRoom() {
  const room = elements.room.value.trim() || DEFAULT_ROOM;
  elements.room.value = room;
  chat.enter(room);
}
elements.name.value = `guest-${Math.floor(Math.random() * 9_000) + 1_000}`;
elements.room.addEventListener('change', enterRoom);
elements.saying.addEventListener('submit', async (event) => {
  event.preventDefault();
  enterRoom();
  const text = elements.said.value.trim();
  if (text === '') return;
  const isSent = await chat.say(elements.name.value, text);
  // A refused line stays, so that it can be sent again.
  if (isSent && elements.said.value.trim() === text) elements.said.value = '';
});
enterRoom();
if (NARROW.matches) for (const details of document.querySelectorAll('details')) details.open = false;

elements.typed.value = JSON.stringify(EXAMPLES[0].message(null));
write(elements.hint, EXAMPLES[0].description);
fitTyped();
document.fonts.ready.then(fitTyped);
addEventListener('resize', fitTyped);
setInterval(repaint, TICK_MS);
repaint();
