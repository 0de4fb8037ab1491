// The panel for a token, and the button in the header that opens it. Both pages have it.

import { write } from './dom.js';
import { lasting, problemOf, rightsOf, whoIs } from './login-words.js';

/** Characters of a token, at most: the server accepts no longer ones. */
const MAX_TOKEN = 4_096;
/** Less than this is left: the button warns. */
const WARNING_S = 60;
const TICK_MS = 500;

export class LoginPanel {
  #button;
  #login;
  #on;
  #dialog;
  #parts = {};
  #state = { identity: null, problem: '', until_s: null };
  #timer = null;

  /**
   * @param {HTMLButtonElement} button of the header, hidden until the server knows identities
   * @param {import('./login.js').Login} login
   * @param {object} on `now_s()` of the server; `enter(token)`, a promise that rejects if the
   * server refuses it; `entered(result)` with its result, when the login has the token; `leave()`
   */
  constructor(button, login, on) {
    this.#button = button;
    this.#login = login;
    this.#on = on;
    this.#dialog = this.#build();
    button.after(this.#dialog);
    button.addEventListener('click', () => this.open());
  }

  get isOpen() {
    return this.#dialog.open;
  }

  open() {
    if (!this.#dialog.open) this.#dialog.showModal();
    this.#parts.token.focus();
    this.#paint();
    this.#timer ??= setInterval(() => this.#paint(), TICK_MS);
  }

  /**
   * @param {object} state
   * @param {object | null} state.identity what the server says
   * @param {string} state.problem what is wrong, for a person; empty if nothing is
   * @param {number | null} state.until_s when the login ends, by the server's clock
   */
  show(state) {
    this.#state = state;
    this.#paint();
  }

  #build() {
    const dialog = document.createElement('dialog');
    dialog.className = 'login';
    dialog.setAttribute('aria-labelledby', 'login-title');
    const add = (name, tag, place, properties = {}) => {
      this.#parts[name] = place.appendChild(Object.assign(document.createElement(tag), properties));
      return this.#parts[name];
    };
    const form = add('form', 'form', dialog, { method: 'dialog', autocomplete: 'off' });
    add('title', 'h2', form, { id: 'login-title', textContent: 'Log in' });
    add('who', 'p', form, { className: 'who' });
    add('rights', 'dl', form);
    add('label', 'label', form, { htmlFor: 'login-token', textContent: 'Token' });
    add('token', 'input', form, { id: 'login-token', type: 'password', maxLength: MAX_TOKEN, spellcheck: false, autocapitalize: 'off', autocomplete: 'off' });
    this.#parts.token.setAttribute('aria-describedby', 'login-problem');
    add('problem', 'p', form, { id: 'login-problem', className: 'problem' }).setAttribute('role', 'alert');
    const keep = add('keepLabel', 'label', form, { className: 'keep-login' });
    add('keep', 'input', keep, { id: 'login-keep', type: 'checkbox', checked: this.#login.isKept });
    keep.append(' Keep it until this window is closed, also over a reload');
    const actions = add('actions', 'div', form, { className: 'login-actions' });
    add('leave', 'button', actions, { id: 'login-leave', type: 'button', className: 'tool', textContent: 'Log out' });
    add('close', 'button', actions, { type: 'button', className: 'tool', textContent: 'Close' });
    add('enter', 'button', actions, { id: 'login-enter', className: 'tool main', textContent: 'Log in' });
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#enter();
    });
    this.#parts.leave.addEventListener('click', () => this.#on.leave());
    this.#parts.close.addEventListener('click', () => dialog.close());
    dialog.addEventListener('click', ({ target }) => target === dialog && dialog.close());
    dialog.addEventListener('close', () => {
      clearInterval(this.#timer);
      this.#timer = null;
      // A token that was not used is not kept in the document.
      this.#parts.token.value = '';
    });
    return dialog;
  }

  async #enter() {
    const { token, keep, enter } = this.#parts;
    const given = token.value.trim();
    if (given === '') return this.#tell('Type or paste a token.');
    enter.disabled = true;
    this.#tell('');
    try {
      const result = await this.#on.enter(given);
      this.#login.set(given, keep.checked);
      this.#on.entered(result);
      this.#dialog.close();
    } catch (error) {
      this.#tell(problemOf(error));
      token.select();
    } finally {
      enter.disabled = false;
    }
  }

  #tell(problem) {
    this.#state = { ...this.#state, problem };
    this.#paint();
  }

  #paint() {
    const { identity, problem, until_s } = this.#state;
    const subject = identity?.subject ?? '';
    const left_s = until_s === null ? Infinity : until_s - this.#on.now_s();
    this.#button.hidden = identity === null && problem === '' && this.#login.token === null;
    write(this.#button, subject === '' ? 'Log in' : subject);
    this.#button.classList.toggle('warning', problem !== '' || left_s < WARNING_S);
    this.#button.title = `${whoIs(identity)}${left_s < Infinity ? ` The login lasts ${lasting(left_s)}.` : ''}${problem && ` ${problem}`}`;
    this.#button.setAttribute('aria-label', subject === '' ? 'Log in' : `Login of ${subject}`);
    if (!this.#dialog.open) return;
    write(this.#parts.problem, problem);
    const until = left_s === Infinity ? '' : ` This login lasts ${lasting(left_s)}.`;
    write(this.#parts.who, whoIs(identity) + until);
    this.#paintRights(identity === null ? [] : rightsOf(identity));
    this.#parts.leave.hidden = this.#login.token === null;
  }

  #paintRights(rights) {
    const list = this.#parts.rights;
    while (list.children.length > rights.length * 2) list.lastElementChild.remove();
    while (list.children.length < rights.length * 2) list.append(document.createElement('dt'), document.createElement('dd'));
    rights.forEach(([name, text], at) => {
      write(list.children[at * 2], name);
      write(list.children[at * 2 + 1], text);
    });
  }
}
