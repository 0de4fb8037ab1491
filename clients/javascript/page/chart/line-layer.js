// A canvas with nothing but the lines of a plot. It is kept between repaints: while only the time
// moves, what was drawn moves with it, and only the newest columns are drawn.

import { MOVE, linePath } from './line-path.js';

const LINE_PX = 1.4;
/** Device pixels around a point that its line may colour. */
const REACH = 4;

export class LineLayer {
  canvas = document.createElement('canvas');
  #context = this.canvas.getContext('2d');
  /** What the canvas shows, or null. */
  #shown = null;
  /** Columns that were drawn, for the benchmark. */
  drawn = 0;

  clear() {
    this.#shown = null;
  }

  /**
   * @param {object} plot from `plotOf`
   * @param {{ low: number, high: number, y: (value: number) => number }} values from `valuesOf`
   * @param {{ columns: object, color: string, isStepped: boolean, until: number | null,
   * changed: number }[]} lines `changed`: the first column that may differ since the last call
   */
  paint(plot, values, lines) {
    const style = lines.map(({ color, isStepped }) => `${color} ${isStepped}`).join();
    const { fromColumn, columns: width, rows: height, step_s, scale, top } = plot;
    const toColumn = fromColumn + width - 1;
    const shown = this.#shown;
    const isSame = shown !== null && shown.style === style && shown.width === width && shown.height === height
      && shown.step_s === step_s && shown.low === values.low && shown.high === values.high && shown.scale === scale;
    if (!isSame && (this.canvas.width !== width || this.canvas.height !== height)) {
      this.canvas.width = width;
      this.canvas.height = height;
    }
    this.#shown = { style, width, height, step_s, scale, low: values.low, high: values.high, fromColumn, toColumn };
    const rowOf = (value) => (values.y(value) - top) * scale;
    const draw = (from, to) => this.#draw(plot, rowOf, lines, Math.max(from, fromColumn), Math.min(to, toColumn));
    const moved = isSame ? fromColumn - shown.fromColumn : Infinity;
    if (Math.abs(moved) >= width) return draw(fromColumn, toColumn);
    if (moved !== 0) this.#move(moved);
    if (moved < 0) draw(fromColumn, shown.fromColumn + REACH);
    // Beyond the old right edge everything is new.
    const changed = Math.min(...lines.map((line) => line.changed), shown.toColumn + 1);
    if (changed - REACH <= toColumn) draw(changed - REACH, toColumn);
  }

  #move(columns) {
    const context = this.#context;
    context.globalCompositeOperation = 'copy';
    context.drawImage(this.canvas, -columns, 0);
    context.globalCompositeOperation = 'source-over';
  }

  #draw({ fromColumn, rows, scale, ...plot }, rowOf, lines, from, to) {
    if (from > to) return;
    this.drawn += to - from + 1;
    const context = this.#context;
    const left = from - fromColumn;
    const width = to - from + 1;
    context.save();
    context.clearRect(left, 0, width, rows);
    context.beginPath();
    context.rect(left, 0, width, rows);
    context.clip();
    context.lineWidth = LINE_PX * scale;
    context.lineJoin = 'round';
    context.lineCap = 'round';
    for (const { columns, color, isStepped, until } of lines) {
      const path = linePath(columns, { fromColumn, ...plot }, rowOf, { from: from - REACH, to: to + REACH }, { isStepped, until });
      context.beginPath();
      for (let at = 0; at < path.length; at += 3) {
        if (path[at] === MOVE) context.moveTo(path[at + 1], path[at + 2]);
        else context.lineTo(path[at + 1], path[at + 2]);
      }
      context.strokeStyle = color;
      context.stroke();
    }
    context.restore();
  }
}
