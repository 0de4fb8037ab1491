// The colours of a page: those of the system, or what a person chose here before.

import { remember, remembered } from './remembered.js';

const NAME = 'theme';
const THEMES = ['system', 'dark', 'light', 'dark-safe', 'light-safe'];

export const chosenTheme = () => remembered(NAME, THEMES);

export function setTheme(theme) {
  showTheme(theme);
  remember(NAME, theme);
}

function showTheme(theme) {
  if (theme === 'system') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}

showTheme(chosenTheme());
