// Puts the console together: buttons do what a line of a program would do, and everything is in the log.

import { Chat } from './chat.js';
import { elements, socketUrl, switchable, write } from './dom.js';
import { Log } from './log.js';
import { BINCODE, Trial } from './trial.js';
import { BREAKS, EXAMPLES } from './words.js';

const TICK_MS = 250;
/** As in the style: below this width everything stands in one column. */
const NARROW = matchMedia('(max-width: 799px)');
const ROOM = 'lobby';

const element = elements();
const settings = { path: 'ws', protocol: '', binary: 'arraybuffer', form: 'text' };

const log = new Log({ list: element.log, newer: element.newer });
let isDirty = false;
const trial = new Trial((entry) => {
  log.add(entry);
  touch();
});

function touch() {
  if (isDirty) return;
  isDirty = true;
  requestAnimationFrame(paint);
}

const DOTS = { 0: 'trying', 1: 'live', 2: 'trying', 3: 'ended' };

function paint() {
  isDirty = false;
  log.paint();
  const { readyState } = trial;
  element.state.querySelector('.dot').className = `dot ${DOTS[readyState] ?? ''}`;
  write(element.ready, readyState < 0 ? trial.state : `readyState ${readyState} ${trial.state}`);
  write(element.buffered, trial.bufferedAmount > 0 ? `${trial.bufferedAmount} bytes wait` : '');
  element.open.disabled = readyState >= 0 && readyState < 3;
  element.close.disabled = readyState < 0;
  element.send.disabled = readyState < 0;
  for (const button of element.breaks.children) button.disabled = readyState !== 1;
}

const isBinary = () => settings.protocol === BINCODE;

switchable(element.path, settings, 'path');
const showForm = switchable(element.form, settings, 'form');
switchable(element.binary, settings, 'binary');
switchable(element.protocol, settings, 'protocol', () => {
  settings.form = isBinary() ? 'bincode' : 'text';
  showForm();
});

function choose(list, items, act) {
  for (const item of items) {
    const button = list.appendChild(document.createElement('button'));
    button.append(Object.assign(document.createElement('b'), { textContent: item.name }));
    button.append(Object.assign(document.createElement('span'), { textContent: item.says }));
    button.addEventListener('click', () => act(item));
  }
}

choose(element.examples, EXAMPLES, ({ says, needs, fill }) => {
  const message = fill(trial.known);
  write(element.hint, message ? says : needs);
  if (!message) return;
  element.typed.value = typeof message === 'string' ? message : JSON.stringify(message);
  if (settings.form === 'hex') {
    settings.form = isBinary() ? 'bincode' : 'text';
    showForm();
  }
  fit();
  element.typed.focus();
});
choose(element.breaks, BREAKS, ({ does }) => {
  look();
  does(trial, isBinary());
});

/** As high as what is in it. */
function fit() {
  element.typed.style.height = 'auto';
  element.typed.style.height = `${element.typed.scrollHeight + 2}px`;
}

/** What comes of it is worth seeing. */
function look() {
  log.follow();
  if (NARROW.matches) element.log.parentElement.scrollIntoView({ block: 'start' });
}

function send() {
  if (trial.readyState < 0) return write(element.hint, 'Open a connection first.');
  look();
  trial.send(element.typed.value, settings.form);
}

element.open.addEventListener('click', () => {
  look();
  trial.open(socketUrl(settings.path), settings.protocol, settings.binary);
});
element.send.addEventListener('click', send);
element.typed.addEventListener('input', fit);
element.typed.addEventListener('keydown', (event) => {
  if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  send();
});
element.closing.addEventListener('submit', (event) => {
  event.preventDefault();
  look();
  const code = element.code.value.trim();
  trial.close(code === '' ? undefined : Number(code), element.reason.value);
});
element.clear.addEventListener('click', () => log.clear());

const chat = new Chat(socketUrl('ws'), element.talk, (words, isBad) => {
  write(element.trouble, words);
  element.trouble.className = isBad ? 'bad' : 'muted';
});
function enter() {
  const room = element.room.value.trim() || ROOM;
  element.room.value = room;
  chat.enter(room);
}
element.name.value = `guest-${Math.floor(Math.random() * 9_000) + 1_000}`;
element.room.addEventListener('change', enter);
element.speak.addEventListener('submit', async (event) => {
  event.preventDefault();
  enter();
  const words = element.words.value.trim();
  if (words === '') return;
  // What was refused stays, to be said again.
  if (await chat.speak(element.name.value, words) && element.words.value.trim() === words) element.words.value = '';
});
enter();
if (NARROW.matches) for (const details of document.querySelectorAll('details')) details.open = false;

element.typed.value = JSON.stringify(EXAMPLES[0].fill(null));
write(element.hint, EXAMPLES[0].says);
fit();
document.fonts.ready.then(fit);
addEventListener('resize', fit);
setInterval(touch, TICK_MS);
touch();
