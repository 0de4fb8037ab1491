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
  moveWithArrows(group);
  show();
  return show;
}

/** Makes a group of buttons one stop of the Tab key: the arrow keys move within it. */
export function moveWithArrows(group) {
  const visible = () => [...group.querySelectorAll('button')].filter((button) => button.offsetParent !== null);
  const enter = (button) => {
    for (const each of group.querySelectorAll('button')) each.tabIndex = each === button ? 0 : -1;
  };
  group.addEventListener('focusin', ({ target }) => {
    if (target.tagName === 'BUTTON') enter(target);
  });
  group.addEventListener('keydown', (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const buttons = visible();
    const at = buttons.indexOf(event.target);
    if (!step || at < 0) return;
    event.preventDefault();
    event.stopPropagation();
    buttons[(at + step + buttons.length) % buttons.length].focus();
  });
  enter(group.querySelector('[aria-pressed=true]') ?? group.querySelector('button'));
}

/**
 * Copies a text. Without TLS a browser has no clipboard for pages, but copies what is selected.
 *
 * @returns {Promise<boolean>} whether it is copied
 */
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.body.appendChild(document.createElement('textarea'));
    area.value = text;
    area.className = 'unseen';
    area.select();
    const isDone = document.execCommand('copy');
    area.remove();
    return isDone;
  }
}

/** The WebSocket address of a path relative to this page. */
export function socketUrl(path) {
  const url = new URL(path, location.href);
  url.search = '';
  url.hash = '';
  url.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:';
  return url;
}
