// Straight lines, boxes and texts on a canvas, on whole device pixels so that they are sharp.

export class Pen {
  constructor(context, scale) {
    this.context = context;
    this.scale = scale;
    /** Of a hairline, in device pixels. */
    this.width = Math.max(Math.round(scale), 1);
  }

  horizontal(y, left, right) {
    const sharp = this.#sharp(y);
    this.context.moveTo(left, sharp);
    this.context.lineTo(right, sharp);
  }

  vertical(x, top, bottom) {
    const sharp = this.#sharp(x);
    this.context.moveTo(sharp, top);
    this.context.lineTo(sharp, bottom);
  }

  stroke(color, dash = []) {
    const { context } = this;
    context.strokeStyle = color;
    context.lineWidth = this.width / this.scale;
    context.setLineDash(dash);
    context.stroke();
    context.setLineDash([]);
  }

  text(text, x, y, color, align) {
    const { context } = this;
    context.fillStyle = color;
    context.textAlign = align;
    context.fillText(text, x, y);
  }

  /** A filled box, at least one device pixel in each direction. */
  box(left, top, right, bottom, color) {
    const [x, y, width, height] = this.#whole(left, top, right, bottom);
    this.context.fillStyle = color;
    this.context.fillRect(x, y, width, height);
  }

  /** The edge of the same box. */
  frame(left, top, right, bottom, color) {
    const { context } = this;
    const [x, y, width, height] = this.#whole(left, top, right, bottom);
    const hairline = this.width / this.scale;
    context.strokeStyle = color;
    context.lineWidth = hairline;
    context.strokeRect(x + hairline / 2, y + hairline / 2, Math.max(width - hairline, 0), Math.max(height - hairline, 0));
  }

  /** Draws within these edges only, until the context is restored. */
  clip({ left, top, right, bottom }) {
    const { context } = this;
    context.beginPath();
    context.rect(left, top, right - left, bottom - top);
    context.clip();
  }

  #whole(left, top, right, bottom) {
    const round = (place) => Math.round(place * this.scale) / this.scale;
    const one = 1 / this.scale;
    const [x, y] = [round(left), round(top)];
    return [x, y, Math.max(round(right) - x, one), Math.max(round(bottom) - y, one)];
  }

  #sharp(place) {
    const half = this.width / 2;
    return (Math.round(place * this.scale - half) + half) / this.scale;
  }
}
