// Turns the events of mouse, pen, fingers and wheel on a chart into what a person means by them.

/** Below this a press is a click. */
const SLOP_PX = 5;
/** Two clicks within this time and distance are a double click. */
const DOUBLE_MS = 350;
const DOUBLE_PX = 24;
/** One notch of a wheel (100 px) zooms by a fifth. */
const WHEEL_ZOOM = 0.0018;
const WHEEL_LINE_PX = 40;
/** A wheel may report much more than a notch at once. */
const MAX_WHEEL_PX = 400;
const MIN_PINCH_PX = 16;
const PINCH_SLOP_PX = 24;
const RIGHT_BUTTON = 2;
/** A finger that rests for this long begins a ruler. */
const HOLD_MS = 450;

export class Gestures {
  /** Where a mouse or a tap points, in CSS pixels; null if nothing does. */
  at = null;
  /** The box that is being drawn: `{ x, y, toX, toY }`. */
  box = null;
  #element;
  #on;
  /** Pressed pointers by their id: where they are, and where they began. */
  #pressed = new Map();
  #kind = null;
  #clicked = null;
  #hold = null;
  /** Where the middle of two fingers was at first, and whether it has moved. */
  #pinched = null;

  /**
   * @param {HTMLElement} element
   * @param {object} on what happens; places are in CSS pixels of the element: `point(at)`,
   * `zoom(factor, x, kind)`, `pan(px, kind)`, `stretch(factor)` of the values, `boxed(box)`,
   * `double(at)`, `ruler(x, toX)` between two places, `click()`, `grab(at)` returns
   * `plot` or `axis`, `change()` for a repaint
   */
  constructor(element, on) {
    this.#element = element;
    this.#on = on;
    const listen = (name, handle, options) => element.addEventListener(name, handle, options);
    listen('pointerdown', (event) => this.#down(event));
    listen('pointermove', (event) => this.#move(event));
    listen('pointerup', (event) => this.#up(event));
    listen('pointercancel', (event) => this.#cancel(event));
    listen('pointerleave', ({ pointerType }) => {
      if (pointerType !== 'touch' && this.#pressed.size === 0) this.#point(null);
    });
    listen('wheel', (event) => this.#wheel(event), { passive: false });
    listen('contextmenu', (event) => event.preventDefault());
    document.addEventListener('pointerdown', ({ target }) => {
      if (target !== element) this.#point(null);
    });
  }

  #point(at) {
    if (this.at === null && at === null) return;
    this.at = at;
    this.#on.point(at);
  }

  #down(event) {
    const place = placeOf(event);
    this.#pressed.set(event.pointerId, { ...place, startX: place.x, startY: place.y });
    try {
      this.#element.setPointerCapture(event.pointerId);
    } catch {
      // The pointer is gone already.
    }
    if (this.#pressed.size === 2) {
      this.#kind = 'pinch';
      this.#pinched = null;
      this.#point(null);
    } else if (this.#pressed.size === 1) {
      this.#kind = event.button === RIGHT_BUTTON ? 'box' : event.shiftKey ? 'ruler' : 'press';
      if (place.isFinger) this.#hold = setTimeout(() => this.#holds(event.pointerId), HOLD_MS);
    }
    if (this.#pressed.size > 1) clearTimeout(this.#hold);
  }

  /** A finger rests: from here on it measures. */
  #holds(pointerId) {
    if (this.#kind !== 'press' || !this.#pressed.has(pointerId)) return;
    this.#kind = 'ruler';
    const { x } = this.#pressed.get(pointerId);
    this.#on.ruler(x, x + SLOP_PX);
  }

  #move(event) {
    const place = placeOf(event);
    const pressed = this.#pressed.get(event.pointerId);
    if (!pressed) {
      if (event.pointerType !== 'touch') this.#point(place);
      return;
    }
    const before = { x: pressed.x, y: pressed.y };
    const spread = this.#spread();
    Object.assign(pressed, place);
    if (this.#kind === 'press' && Math.hypot(place.x - pressed.startX, place.y - pressed.startY) > SLOP_PX) {
      clearTimeout(this.#hold);
      this.#kind = this.#on.grab({ x: pressed.startX, y: pressed.startY }) === 'axis' ? 'stretch' : 'pan';
      before.x = pressed.startX;
      before.y = pressed.startY;
    }
    if (this.#kind === 'ruler') {
      if (Math.abs(place.x - pressed.startX) > SLOP_PX) this.#on.ruler(pressed.startX, place.x);
      this.#point(null);
    } else if (this.#kind === 'pan') {
      this.#point(event.pointerType === 'touch' ? null : place);
      this.#on.pan(place.x - before.x, 'drag');
    } else if (this.#kind === 'stretch') {
      this.#on.stretch(Math.exp((place.y - before.y) / this.#element.clientHeight));
    } else if (this.#kind === 'pinch') {
      this.#pinch(spread);
    } else if (this.#kind === 'box') {
      this.box = { x: pressed.startX, y: pressed.startY, toX: place.x, toY: place.y };
      this.#on.change();
    }
  }

  /** The middle and the distance of two fingers. */
  #spread() {
    if (this.#pressed.size < 2) return null;
    const [a, b] = this.#pressed.values();
    return { x: (a.x + b.x) / 2, distance: Math.max(Math.hypot(a.x - b.x, a.y - b.y), MIN_PINCH_PX) };
  }

  /** Fingers tremble: the chart moves with them only once their middle has moved some way. */
  #pinch(before) {
    const now = this.#spread();
    if (!before || !now) return;
    this.#pinched ??= { x: before.x, hasMoved: false };
    this.#pinched.hasMoved ||= Math.abs(now.x - this.#pinched.x) > PINCH_SLOP_PX;
    if (this.#pinched.hasMoved) this.#on.pan(now.x - before.x, 'pinch');
    this.#on.zoom(before.distance / now.distance, now.x, 'pinch');
  }

  #up(event) {
    const pressed = this.#pressed.get(event.pointerId);
    if (!this.#pressed.delete(event.pointerId)) return;
    clearTimeout(this.#hold);
    if (this.#kind === 'press') this.#click(event, pressed);
    if (this.#kind === 'box') this.#finishBox();
    if (this.#pressed.size === 0) this.#kind = null;
    // The finger that stays moves the chart on.
    else if (this.#kind === 'pinch') this.#kind = 'pan';
  }

  #click({ timeStamp, pointerType }, { startX: x, startY: y }) {
    const last = this.#clicked;
    const isDouble = last !== null && timeStamp - last.timeStamp < DOUBLE_MS && Math.hypot(x - last.x, y - last.y) < DOUBLE_PX;
    this.#on.click();
    this.#clicked = isDouble ? null : { timeStamp, x, y };
    if (isDouble) {
      if (pointerType === 'touch') this.#point(null);
      this.#on.double({ x, y });
    } else {
      this.#point({ x, y, isFinger: pointerType === 'touch' });
    }
  }

  #finishBox() {
    const { box } = this;
    this.box = null;
    if (box && Math.abs(box.toX - box.x) > SLOP_PX && Math.abs(box.toY - box.y) > SLOP_PX) this.#on.boxed(box);
    this.#on.change();
  }

  #cancel({ pointerId }) {
    clearTimeout(this.#hold);
    this.#pressed.delete(pointerId);
    this.box = null;
    if (this.#pressed.size === 0) this.#kind = null;
    this.#on.change();
  }

  #wheel(event) {
    event.preventDefault();
    const unit = event.deltaMode === WheelEvent.DOM_DELTA_PIXEL ? 1 : WHEEL_LINE_PX;
    const [dx, dy] = [event.deltaX, event.deltaY].map((delta) => Math.min(Math.max(delta * unit, -MAX_WHEEL_PX), MAX_WHEEL_PX));
    const isSideways = event.shiftKey || Math.abs(dx) > Math.abs(dy);
    if (isSideways) this.#on.pan(-(dx || dy), 'wheel-pan');
    else if (dy !== 0) this.#on.zoom(Math.exp(dy * WHEEL_ZOOM), placeOf(event).x, 'wheel');
  }
}

const placeOf = ({ offsetX: x, offsetY: y, pointerType }) => ({ x, y, isFinger: pointerType === 'touch' });
