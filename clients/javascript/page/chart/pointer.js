// Where a mouse or a finger points on an element.

/** A finger's place stays when the finger leaves the screen, so that the tooltip can be read. */
export class Pointer {
  /** In CSS pixels from the element's top left corner; null if nothing points at it. */
  at = null;
  #changed;

  /**
   * @param {HTMLElement} element
   * @param {() => void} changed called when `at` is another one
   */
  constructor(element, changed) {
    this.#changed = changed;
    const follow = ({ offsetX: x, offsetY: y, pointerType }) => this.#move({ x, y, isFinger: pointerType === 'touch' });
    element.addEventListener('pointerdown', follow);
    element.addEventListener('pointermove', follow);
    element.addEventListener('pointerleave', ({ pointerType }) => {
      if (pointerType !== 'touch') this.clear();
    });
    document.addEventListener('pointerdown', ({ target }) => {
      if (target !== element) this.clear();
    });
  }

  clear() {
    if (this.at !== null) this.#move(null);
  }

  #move(at) {
    this.at = at;
    this.#changed();
  }
}
