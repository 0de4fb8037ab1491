// The tooltip of a chart.

const OFFSET_PX = 14;
/** Distance above a finger, which would hide the tooltip. */
const FINGER_PX = 28;

/**
 * Shows the point or the gap below the pointer, beside the pointer and inside the plot.
 *
 * @param {HTMLElement} element
 * @param {{ x: number, lines: string[] } | null} pointed from the scene
 * @param {{ x: number, y: number, isFinger: boolean } | null} pointer
 * @param {{ right: number, bottom: number }} plot
 */
export function showTooltip(element, pointed, pointer, { right, bottom }) {
  element.hidden = !pointed || !pointer;
  if (element.hidden) return;
  const text = pointed.lines.join('\n');
  if (element.textContent !== text) element.textContent = text;
  const { offsetWidth: width, offsetHeight: height } = element;
  const fits = pointed.x + OFFSET_PX + width <= right;
  const x = fits ? pointed.x + OFFSET_PX : pointed.x - width - OFFSET_PX;
  const y = pointer.isFinger ? pointer.y - height - FINGER_PX : Math.min(pointer.y + OFFSET_PX, bottom - height);
  element.style.transform = `translate(${Math.round(Math.max(x, 0))}px, ${Math.round(Math.max(y, 0))}px)`;
}
