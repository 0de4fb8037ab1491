// Choices that a person made in this browser before.

/** @returns {string} one of the possible values; the first one without an earlier choice */
export function remembered(name, possible) {
  try {
    const value = localStorage.getItem(`tickcast.${name}`);
    return possible.includes(value) ? value : possible[0];
  } catch {
    // A browser may forbid to store anything.
    return possible[0];
  }
}

export function remember(name, value) {
  try {
    localStorage.setItem(`tickcast.${name}`, value);
  } catch {
    // It holds for this window only.
  }
}
