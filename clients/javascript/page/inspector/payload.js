// A value as a whole: its text, its bytes, and what a picture it is.

const KIB = 1_024;
/** Longer texts are shown as they are. */
const MAX_PRETTY = 1 << 20;
const INDENT = '  ';

/** First bytes of pictures that browsers show. */
const PICTURES = [
  ['image/png', [0x89, 0x50, 0x4e, 0x47]],
  ['image/jpeg', [0xff, 0xd8, 0xff]],
  ['image/gif', [0x47, 0x49, 0x46, 0x38]],
  ['image/webp', [0x52, 0x49, 0x46, 0x46]],
  ['image/bmp', [0x42, 0x4d]],
];

/**
 * @param {object} value of an update
 * @returns {{ text: string | null, bytes: Uint8Array }} `text` is null if the bytes are no text
 */
export function payloadOf(value) {
  const [kind] = Object.keys(value);
  const content = value[kind];
  if (kind === 'bytes') return { text: textOf(content), bytes: content };
  const text = typeof content === 'string' ? content : kind === 'reading' ? String(content) : JSON.stringify(content);
  return { text, bytes: new TextEncoder().encode(text) };
}

function textOf(bytes) {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return /[\0-\x08\x0e-\x1f]/.test(text) ? null : text;
  } catch {
    return null;
  }
}

/** `345 bytes`, `2.1 KiB`. */
export function sizeText(length) {
  if (length < KIB) return `${length} ${length === 1 ? 'byte' : 'bytes'}`;
  return length < KIB * KIB ? `${(length / KIB).toFixed(1)} KiB` : `${(length / KIB / KIB).toFixed(1)} MiB`;
}

/** The media type of a picture, or null. */
export function pictureType(bytes) {
  const found = PICTURES.find(([, start]) => start.every((byte, at) => bytes[at] === byte));
  return found && bytes.length > 16 ? found[0] : null;
}

/**
 * JSON with a line for each member. Numbers keep every digit, because they are not read.
 *
 * @returns {string | null} null if the text is no JSON object or array
 */
export function prettyJson(text) {
  if (text.length > MAX_PRETTY || !/^\s*[[{]/.test(text)) return null;
  try {
    JSON.parse(text);
  } catch {
    return null;
  }
  let depth = 0;
  const line = () => `\n${INDENT.repeat(depth)}`;
  let pretty = '';
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[[{]\s*[\]}]|[[\]{},:]|[^\s[\]{},:"]+/g)) {
    if (token === '{' || token === '[') {
      depth += 1;
      pretty += token + line();
    } else if (token === '}' || token === ']') {
      depth -= 1;
      pretty += line() + token;
    } else if (token === ',') {
      pretty += token + line();
    } else if (token === ':') {
      pretty += ': ';
    } else {
      pretty += /^[[{]/.test(token) ? token.replace(/\s+/, '') : token;
    }
  }
  return pretty;
}
