// The filter above the list of topics.

/**
 * With `+` or `#` the text is an MQTT filter (MQTT 5, section 4.7). Any other text matches topics
 * that contain it, in upper or lower case.
 *
 * @param {string} text as a person typed it
 * @returns {((topic: string) => boolean) | null} null if the text is not a valid filter
 */
export function topicMatcher(text) {
  const filter = text.trim();
  if (filter === '') return () => true;
  if (!/[+#]/.test(filter)) {
    const part = filter.toLowerCase();
    return (topic) => topic.toLowerCase().includes(part);
  }
  const levels = filter.split('/');
  const isWrong = levels.some((level, at) => (/[+#]/.test(level) && level.length > 1) || (level === '#' && at < levels.length - 1));
  if (isWrong) return null;
  return (topic) => {
    const parts = topic.split('/');
    if (topic.startsWith('$') && !filter.startsWith('$')) return false;
    for (const [at, level] of levels.entries()) {
      if (level === '#') return true;
      if (at >= parts.length || (level !== '+' && level !== parts[at])) return false;
    }
    return parts.length === levels.length;
  };
}
