// The boxes that are hatched where data is missing.

import { LABEL_PAD_PX } from './geometry.js';

/** A gap is never narrower than this, so that it can be seen. */
const MIN_WIDTH_PX = 2;

/**
 * Gaps in sight, the newest first. A label without space beside a newer one is left out.
 *
 * @param {object[]} gaps `{ from, to, text }`, in ms; `to` is null while the gap lasts
 * @param {object} plot from `plotOf`
 */
export function gapBoxes(gaps, plot, now_s, character_px) {
  const { left: start, right: end } = plot;
  const clamp = (x) => Math.min(Math.max(x, start), end);
  const boxes = [];
  // Right of this, newer labels take the space.
  let free = end + MIN_WIDTH_PX;
  for (const { from, to, text } of gaps.toReversed()) {
    const left = clamp(plot.x(from / 1000));
    const right = clamp(plot.x(to === null ? now_s : to / 1000));
    if (right <= left) continue;
    const width = Math.max(right - left, MIN_WIDTH_PX);
    const labelWidth = text.length * character_px + 2 * LABEL_PAD_PX;
    // Beside a narrow gap there may be space on one side only.
    const isOnRight = left + width / 2 > (start + end) / 2;
    const x = isOnRight ? Math.max(left + width - labelWidth, start) : left;
    const hasSpace = x + labelWidth <= free;
    if (hasSpace) free = Math.min(x, left);
    boxes.push({ left, width, label: hasSpace ? { x, width: labelWidth, text } : null });
  }
  return boxes;
}
