// Where things lie on a chart: the plot, its two axes, and the way between data and CSS pixels.

/** Height of a label on an axis and of the label of a gap. */
export const LABEL_PX = 18;
/** Space left and right of the text in a label. */
export const LABEL_PAD_PX = 6;
/** Between the plot and a label of the value axis. */
export const LABEL_GAP_PX = 2;
const TOP_PX = 8;
const TIME_AXIS_PX = 28;
/** Right of the labels of the value axis. */
const VALUE_AXIS_END_PX = 6;

/** Width of a value axis whose longest label has this many characters. */
export const axisWidth = (characters, character_px) => LABEL_GAP_PX + 2 * LABEL_PAD_PX + characters * character_px + VALUE_AXIS_END_PX;

/**
 * The plot and its columns of device pixels. The time moves by whole columns, so that the picture
 * of a moment stays the same while the chart moves.
 *
 * @param {{ width: number, height: number, scale: number }} size in CSS pixels; `scale`: device
 * pixels in one of them
 * @param {number} axis_px width of the value axis
 * @param {number} span_s the time shown
 * @param {number} from_s its beginning
 */
export function plotOf(size, axis_px, span_s, from_s) {
  const { scale } = size;
  const columns = Math.max(Math.round((size.width - axis_px) * scale), 1);
  const top = Math.round(TOP_PX * scale) / scale;
  const rows = Math.max(Math.round((size.height - TIME_AXIS_PX - top) * scale), 1);
  const step_s = span_s / columns;
  const fromColumn = Math.floor(from_s / step_s);
  return {
    left: 0, right: columns / scale, top, bottom: top + rows / scale, scale, columns, rows, step_s, fromColumn,
    from_s: fromColumn * step_s, to_s: (fromColumn + columns) * step_s,
    x: (s) => (s / step_s - fromColumn) / scale,
    s: (x) => (x * scale + fromColumn) * step_s,
  };
}

/** The way between values and CSS pixels. */
export function valuesOf({ top, bottom }, [low, high]) {
  const height = bottom - top;
  return {
    low, high,
    y: (value) => bottom - ((value - low) / (high - low)) * height,
    value: (y) => low + ((bottom - y) / height) * (high - low),
  };
}
