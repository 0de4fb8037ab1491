// What both pages do with their document.

/** All elements that have an id, by it. */
export const elements = () => Object.fromEntries([...document.querySelectorAll('[id]')].map((found) => [found.id, found]));

/** Writes a text unless it stands there already: what does not change costs no layout. */
export function write(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

/**
 * Makes buttons of which one is pressed.
 *
 * @param {Record<string, string>} settings `name` in it is the pressed one's value
 * @param {(value: string) => void} change called when a person presses another one
 * @returns {() => void} shows what is pressed, after the settings were changed otherwise
 */
export function switchable(group, settings, name, change = () => {}) {
  const show = () => {
    for (const button of group.children) button.setAttribute('aria-pressed', String(button.value === settings[name]));
  };
  group.addEventListener('click', ({ target }) => {
    if (target.value === undefined || target.value === settings[name]) return;
    settings[name] = target.value;
    show();
    change(target.value);
  });
  show();
  return show;
}

/** The address of a WebSocket beside this page. */
export function socketUrl(path) {
  const url = new URL(path, location.href);
  url.search = '';
  url.hash = '';
  url.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:';
  return url;
}
