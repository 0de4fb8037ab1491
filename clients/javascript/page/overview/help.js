// The two dialogs of the page.

import { HELP } from './keys.js';

/** Fills the help, and makes both dialogs close with a click beside them. */
export function prepareDialogs({ help, settings, keys }) {
  for (const [key, what] of HELP) {
    const name = document.createElement('dt');
    for (const each of key.split('  ')) name.append(Object.assign(document.createElement('kbd'), { textContent: each }), ' ');
    keys.append(name, Object.assign(document.createElement('dd'), { textContent: what }));
  }
  for (const dialog of [help, settings]) {
    dialog.addEventListener('click', ({ target }) => {
      if (target === dialog) dialog.close();
    });
  }
}

export function open(dialog) {
  if (!dialog.open) dialog.showModal();
}
