// What changed from one text to the next, by lines.

/** Of each text. Further lines are compared as one block. */
const MAX_LINES = 400;

/**
 * @param {string} before
 * @param {string} after
 * @returns {{ sign: ' ' | '+' | '-', text: string }[]} lines of both in order
 */
export function difference(before, after) {
  const [a, b] = [before.split('\n'), after.split('\n')];
  if (a.length > MAX_LINES || b.length > MAX_LINES) return before === after ? mark(' ', b) : [...mark('-', a), ...mark('+', b)];
  // `common[i][j]`: how many lines the rest of both texts have in common.
  const common = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      common[i][j] = a[i] === b[j] ? common[i + 1][j + 1] + 1 : Math.max(common[i + 1][j], common[i][j + 1]);
    }
  }
  const lines = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      lines.push({ sign: ' ', text: b[j] });
      i += 1;
      j += 1;
    } else if (i < a.length && (j >= b.length || common[i + 1][j] >= common[i][j + 1])) {
      lines.push({ sign: '-', text: a[i++] });
    } else {
      lines.push({ sign: '+', text: b[j++] });
    }
  }
  return lines;
}

const mark = (sign, lines) => lines.map((text) => ({ sign, text }));
