// Helpers for the document, used by both pages.

/** All elements that have an id, by their id. */
export const elementsById = () => Object.fromEntries([...document.querySelectorAll('[id]')].map((found) => [found.id, found]));

/** Writes a text only if it changed: an unchanged text costs no layout. */
export function write(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

/**
 * Lets a person choose one of the buttons of a group.
 *
 * @param {Record<string, string>} settings `settings[name]` is the value of the pressed button
 * @param {(value: string) => void} change called when a person presses another button
 * @returns {() => void} call it after a change of the settings by the program
 */
export function chooseOne(group, settings, name, change = () => {}) {
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

/** The WebSocket address of a path relative to this page. */
export function socketUrl(path) {
  const url = new URL(path, location.href);
  url.search = '';
  url.hash = '';
  url.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:';
  return url;
}
