// The token of this window. It is never part of an address, and is kept over a reload only if a
// person wants that: then the browser keeps it for this window, until the window is closed.

const KEPT = 'tickcast.login';

export class Login {
  #token = kept();
  #isKept = this.#token !== null;

  /** The token, or null. */
  get token() {
    return this.#token;
  }

  get isKept() {
    return this.#isKept;
  }

  /** @param {boolean} isKept over a reload of this window */
  set(token, isKept) {
    this.#token = token;
    this.#isKept = isKept;
    try {
      if (isKept) sessionStorage.setItem(KEPT, token);
      else sessionStorage.removeItem(KEPT);
    } catch {
      // A browser may forbid to store anything: it holds until the next reload.
      this.#isKept = false;
    }
  }

  forget() {
    this.set(null, false);
  }
}

function kept() {
  try {
    return sessionStorage.getItem(KEPT);
  } catch {
    return null;
  }
}
