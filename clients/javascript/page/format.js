// How values, counts and times are written. Nothing here knows of the document.

/** A reading is a float: more digits than this behind the point are noise of the computation. */
const READING_DECIMALS = 6;
/** Of a text; the cell cuts the rest. */
const TEXT_LENGTH = 80;
const DASH = '–';
/** Keeps a number in one line. */
const GROUP = '\u00a0';

/** What a value of the protocol is to the page: its kind, a number for charts if there is one, its text. */
export function read(value) {
  const [kind] = Object.keys(value);
  const content = value[kind];
  switch (kind) {
    case 'reading':
      return { kind, number: Number.isFinite(content) ? content : null, text: null, raw: content };
    case 'trade':
      return { kind, number: Number(content.price), text: content.price, extra: `size ${content.size}` };
    case 'quote':
      return { kind, number: Number(content.bid), text: content.bid, extra: `ask ${grouped(content.ask)}` };
    case 'text':
      return { kind, number: null, text: content.slice(0, TEXT_LENGTH) };
    case 'bytes':
      return { kind, number: null, text: `${content.length} bytes` };
    default:
      return { kind, number: null, text: JSON.stringify(content).slice(0, TEXT_LENGTH) };
  }
}

/** Digits behind the point of the shortest way to write a number. */
export function decimalsOf(number) {
  const text = String(number);
  if (text.includes('e')) return READING_DECIMALS;
  const point = text.indexOf('.');
  return point < 0 ? 0 : Math.min(text.length - point - 1, READING_DECIMALS);
}

export function fixed(number, decimals) {
  if (number === null || number === undefined || Number.isNaN(number)) return DASH;
  if (!Number.isFinite(number)) return number > 0 ? '∞' : '-∞';
  if (Math.abs(number) >= 1e15 || (number !== 0 && Math.abs(number) < 1e-6)) return number.toPrecision(6);
  return grouped(number.toFixed(decimals));
}

/** `39484.64` with its thousands apart. Digits behind the point stay together. */
export function grouped(text) {
  const [whole, rest] = text.split('.');
  const parted = whole.replace(/\B(?=(\d{3})+$)/g, GROUP);
  return rest === undefined ? parted : `${parted}.${rest}`;
}

export function signed(number, decimals) {
  if (number === null || !Number.isFinite(number)) return '';
  // A zero has no sign, nor has what is written as one.
  const text = fixed(number, decimals).replace(/^-(?=[0.]*$)/, '');
  return number > 0 && /[1-9]/.test(text) ? `+${text}` : text;
}

export function rate(per_s) {
  if (per_s === null) return '';
  if (per_s < 0.05) return '0';
  return per_s < 10 ? per_s.toFixed(1) : grouped(per_s.toFixed(0));
}

export function age(ms) {
  const s = Math.max(ms, 0) / 1000;
  if (s < 60) return `${s.toFixed(1)} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  return s < 172_800 ? `${Math.floor(s / 3600)} h` : `${Math.floor(s / 86_400)} d`;
}

/** For a narrow column. */
export function shortAge(ms) {
  return ms < 59_500 ? `${Math.round(Math.max(ms, 0) / 1000)} s` : age(ms);
}

export function millis(ms) {
  if (ms === undefined) return DASH;
  return ms < 10 ? `${ms.toFixed(2)} ms` : `${ms.toFixed(0)} ms`;
}

export const count = (number) => grouped(String(number));

/** Time of day, UTC. */
export const clock = (ms, millis = false) => new Date(ms).toISOString().slice(11, millis ? 23 : 19);

/**
 * What a filter typed by a person takes: with `+` or `#` it is an MQTT filter (section 4.7 of MQTT 5),
 * otherwise a part of the topic in any case. Returns null if it is no filter.
 */
export function matcher(text) {
  const wish = text.trim();
  if (wish === '') return () => true;
  if (!/[+#]/.test(wish)) {
    const part = wish.toLowerCase();
    return (topic) => topic.toLowerCase().includes(part);
  }
  const levels = wish.split('/');
  const isWrong = levels.some((level, at) => (/[+#]/.test(level) && level.length > 1) || (level === '#' && at < levels.length - 1));
  if (isWrong) return null;
  return (topic) => {
    const parts = topic.split('/');
    if (topic.startsWith('$') && !wish.startsWith('$')) return false;
    for (const [at, level] of levels.entries()) {
      if (level === '#') return true;
      if (at >= parts.length || (level !== '+' && level !== parts[at])) return false;
    }
    return parts.length === levels.length;
  };
}
