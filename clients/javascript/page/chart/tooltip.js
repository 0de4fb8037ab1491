// The tooltip of a chart.

const OFFSET_PX = 14;
/** Distance above a finger, which would hide the tooltip. */
const FINGER_PX = 28;

/**
 * Shows the point or the gap below the crosshair inside the plot: beside the pointer, or at the top
 * if the pointer is on another chart.
 *
 * @param {HTMLElement} element
 * @param {{ x: number, lines: string[] } | null} pointed from the scene
 * @param {{ x: number, y: number, isFinger: boolean } | null} pointer
 * @param {{ right: number, top: number, bottom: number }} plot
 */
export function showTooltip(element, pointed, pointer, { right, top, bottom }) {
  if (element.hidden !== !pointed) element.hidden = !pointed;
  if (!pointed) return;
  const text = pointed.lines.join('\n');
  if (element.textContent !== text) element.textContent = text;
  const { offsetWidth: width, offsetHeight: height } = element;
  const fits = pointed.x + OFFSET_PX + width <= right;
  const x = fits ? pointed.x + OFFSET_PX : pointed.x - width - OFFSET_PX;
  const wanted = pointer === null ? top : pointer.isFinger ? pointer.y - height - FINGER_PX : pointer.y + OFFSET_PX;
  const y = Math.min(wanted, bottom - height);
  element.style.transform = `translate(${Math.round(Math.max(x, 0))}px, ${Math.round(Math.max(y, 0))}px)`;
}
