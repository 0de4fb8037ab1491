// Draws candles, states and the times in which a topic was stale or dead.

const VOLUME_ALPHA = 0.32;
const BAND_ALPHA = 0.28;
const MEAN_PX = 1.4;
const STATE_ALPHA = 0.3;
/** The states fill this part of the plot, from its middle. */
const STATE_PART = 0.8;
const MAX_STATE_PX = 72;
const STATE_PAD_PX = 6;
const LEGEND_PX = 18;
const LEGEND_BOX_PX = 8;
const LEGEND_GAP_PX = 12;
const MAX_WORD_PX = 160;
const TROUBLE_PX = 4;
/** Of a text that is cut, at least this many characters are shown. */
const MIN_WORD = 4;
const MIN_SENTENCE = 12;
/** A candle with fewer device pixels has no space for a hollow body. */
const MIN_HOLLOW = 5;
export const STATE_COLOR_NAMES = ['accent', 'series-2', 'series-3', 'series-4', 'series-5', 'series-6', 'up', 'muted', 'bad', 'dim'];

export function drawCandles(pen, { plot, candles }, colors) {
  if (candles.length === 0) return;
  const { context, width: hairline, scale } = pen;
  context.save();
  pen.clip(plot);
  context.globalAlpha = VOLUME_ALPHA;
  for (const { left, width, isUp, volumeTop } of candles) {
    if (volumeTop < plot.bottom) pen.box(left, volumeTop, left + width, plot.bottom, isUp ? colors.up : colors.down);
  }
  context.globalAlpha = 1;
  for (const { x, left, width, high, low, top, bottom, isUp, isHollow } of candles) {
    const color = isUp ? colors.up : colors.down;
    pen.box(x - hairline / scale / 2, high, x + hairline / scale / 2, low, color);
    if (isHollow && width * scale >= MIN_HOLLOW) {
      pen.box(left, top, left + width, bottom, colors.background);
      pen.frame(left, top, left + width, bottom, color);
    } else {
      pen.box(left, top, left + width, bottom, color);
    }
  }
  context.restore();
}

/** The band of each row, and the line through the means, which leads to the first single update. */
export function drawRows(pen, { plot, rows, rowsEnd }, colors) {
  if (rows.length === 0) return;
  const { context } = pen;
  context.save();
  pen.clip(plot);
  context.globalAlpha = BAND_ALPHA;
  for (const { left, right, top, bottom } of rows) pen.box(left, top, right, bottom, colors.accent);
  context.globalAlpha = 1;
  context.beginPath();
  rows.forEach(({ x, y, isBreak }, at) => (at === 0 || isBreak ? context.moveTo(x, y) : context.lineTo(x, y)));
  if (rowsEnd) context.lineTo(rowsEnd.x, rowsEnd.y);
  context.lineWidth = MEAN_PX;
  context.strokeStyle = colors.accent;
  context.stroke();
  context.restore();
}

export function drawStates(pen, { plot, states }, colors) {
  if (states.length === 0) return;
  const { context } = pen;
  const middle = (plot.top + LEGEND_PX + plot.bottom) / 2;
  const height = Math.min((plot.bottom - plot.top - LEGEND_PX) * STATE_PART, MAX_STATE_PX);
  const [top, bottom] = [middle - height / 2, middle + height / 2];
  for (const { left, right, text, color, isWord } of states) {
    const name = colors[STATE_COLOR_NAMES[color]];
    context.globalAlpha = STATE_ALPHA;
    pen.box(left, top, right, bottom, text === null ? colors.muted : name);
    context.globalAlpha = 1;
    pen.box(left, top, left, bottom, name);
    const fit = text === null ? '' : fitText(context, text, right - left - 2 * STATE_PAD_PX, isWord ? MIN_WORD : MIN_SENTENCE);
    if (fit) pen.text(fit, left + STATE_PAD_PX, middle, colors.text, 'left');
  }
}

/** What the colours mean, as far as there is space. */
export function drawLegend(pen, { legend, plot: { left, right, top } }, colors) {
  const { context } = pen;
  let x = left + LEGEND_GAP_PX;
  for (const { text, color } of legend) {
    const word = fitText(context, text, MAX_WORD_PX, MIN_WORD);
    const end = x + LEGEND_BOX_PX + STATE_PAD_PX + context.measureText(word).width;
    if (end > right) return;
    const middle = top + LEGEND_PX / 2;
    pen.box(x - STATE_PAD_PX, top, end + STATE_PAD_PX, top + LEGEND_PX, colors.background);
    pen.box(x, middle - LEGEND_BOX_PX / 2, x + LEGEND_BOX_PX, middle + LEGEND_BOX_PX / 2, colors[STATE_COLOR_NAMES[color]]);
    pen.text(word, x + LEGEND_BOX_PX + STATE_PAD_PX, middle, colors.muted, 'left');
    x = end + LEGEND_GAP_PX;
  }
}

/** The font has characters of one width. With fewer than the least nothing can be read. */
function fitText(context, text, width, least) {
  const characters = Math.floor(width / context.measureText('0').width);
  if (characters < Math.min(least, text.length)) return '';
  return text.length <= characters ? text : `${text.slice(0, characters - 1)}…`;
}

export function drawTroubles(pen, { plot, troubles }, colors) {
  for (const { left, width, isDead } of troubles) {
    pen.box(left, plot.bottom - TROUBLE_PX, left + width, plot.bottom, isDead ? colors.bad : colors.warning);
  }
}
