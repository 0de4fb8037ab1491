// Where candles lie on a plot, in CSS pixels.

/** The part of its interval that a body fills. */
const FILLED = 0.82;
const MIN_BODY_PX = 1;
/** Volume is drawn in the lowest part of the plot. */
const VOLUME_PART = 0.16;

/**
 * The lowest and highest value of candles, with space for the volume below; null without any.
 *
 * @returns {[number, number] | null}
 */
export function rangeOfCandles(candles) {
  if (candles.length === 0) return null;
  const low = Math.min(...candles.map((candle) => candle.low));
  const high = Math.max(...candles.map((candle) => candle.high));
  const hasVolume = candles.some((candle) => volumeOf(candle) > 0);
  return [hasVolume ? low - (high - low) * VOLUME_PART : low, high];
}

/** As a float; 0 without any. */
const volumeOf = ({ volume }) => Number(volume ?? 0);

/**
 * @param {object[]} candles sums, ascending, of one interval or of several
 * @param {number} now_s an interval that is not over, or lacks updates, is drawn hollow
 * @returns {{ x: number, left: number, width: number, high: number, low: number, top: number,
 * bottom: number, isUp: boolean, isHollow: boolean, volumeTop: number }[]}
 */
export function candleShapes(candles, plot, values, now_s) {
  const mostVolume = Math.max(...candles.map(densityOf), 0);
  const volumePart = mostVolume === 0 ? 0 : ((plot.bottom - plot.top) * VOLUME_PART) / mostVolume;
  return candles.map((candle) => {
    const { interval_s } = candle;
    const wide = interval_s / plot.step_s / plot.scale;
    const width = Math.max(wide * FILLED, MIN_BODY_PX);
    const x = plot.x(candle.start_s) + wide / 2;
    const isUp = candle.close >= candle.open;
    return {
      x, left: x - width / 2, width, isUp,
      high: values.y(candle.high), low: values.y(candle.low),
      top: values.y(Math.max(candle.open, candle.close)), bottom: values.y(Math.min(candle.open, candle.close)),
      isHollow: candle.start_s + interval_s > now_s || candle.state === 'incomplete',
      volumeTop: plot.bottom - densityOf(candle) * volumePart,
    };
  });
}

/** Volume for each second, so that candles of several intervals compare. */
const densityOf = (candle) => volumeOf(candle) / candle.interval_s;
