// The lengths of candles and rows, and which of them suits a view.

const NAMES = ['1s', '5s', '15s', '1m', '5m', '15m', '1h', '4h', '1d'];

/** What a person chooses from, in seconds. The server keeps all of them. */
export const INTERVALS_S = [1, 5, 15, 60, 300, 900, 3_600, 14_400, 86_400];
/** Choosing an interval shows about this many candles. */
export const CANDLES_SHOWN = 80;
/** With more candles in sight, they are drawn with a longer interval. */
const MAX_CANDLES_SHOWN = 800;
/** Rows of a line in sight: about one for each pixel. */
const MAX_ROWS_SHOWN = 1_200;
/** Where an interval is kept too short, one of these is looked for. */
const LONGER_S = [60, 900, 14_400, 86_400];

/** The name in the protocol. */
export const nameOf = (interval_s) => NAMES[INTERVALS_S.indexOf(interval_s)];

const atLeast = (interval_s) => INTERVALS_S.find((candidate) => candidate >= interval_s) ?? INTERVALS_S.at(-1);

/** For candles: the chosen interval, or a longer one where candles would be too thin. */
export const candleInterval = (chosen_s, span_s) => atLeast(Math.max(chosen_s, span_s / MAX_CANDLES_SHOWN));

/** For rows: the shortest one whose rows fit the view. */
export const rowInterval = (span_s) => atLeast(span_s / MAX_ROWS_SHOWN);

/** The next longer interval, which the server keeps for longer; null after the last one. */
export const longerThan = (interval_s) => LONGER_S.find((candidate) => candidate > interval_s) ?? null;

/** The start of the interval that a time is in. */
export const startOf = (s, interval_s) => Math.floor(s / interval_s) * interval_s;

/** The next start at a time or after it. */
export const nextStart = (s, interval_s) => Math.ceil(s / interval_s) * interval_s;
