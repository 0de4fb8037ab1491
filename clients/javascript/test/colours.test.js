// The colours of the page: those of the monitor for the same things, and apart from each other.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';

const CSS = await readFile(new URL('../page/shared/base.css', import.meta.url), 'utf8');
const MONITOR = await readFile(new URL('../../../monitor/src/ui/theme/palette.rs', import.meta.url), 'utf8');
/** Nearer colours look alike, as lines of a chart do. */
const APART = 0.15;
const SERIES = ['accent', 'series-2', 'series-3', 'series-4', 'series-5', 'series-6'];

/** The variables of the rule with this selector, without the `#` of their values. */
function variables(selector) {
  const begin = CSS.indexOf(`${selector} {`);
  assert.ok(begin >= 0, selector);
  const rule = CSS.slice(begin, CSS.indexOf('}', begin));
  return Object.fromEntries([...rule.matchAll(/--([a-z0-9-]+): #([0-9a-f]{6})/g)].map(([, name, value]) => [name, value]));
}

const DARK = variables('\n:root');
const LIGHT = { ...DARK, ...variables(':root[data-theme^=light]') };
const THEMES = {
  DARK, LIGHT,
  DARK_SAFE: { ...DARK, ...variables(':root[data-theme=dark-safe]') },
  LIGHT_SAFE: { ...LIGHT, ...variables(':root[data-theme=light-safe]') },
};

/** The colours of a palette of the monitor, which may be based on another one. */
function palette(name) {
  const begin = MONITOR.indexOf(`const ${name}: Theme = Theme {`);
  const text = MONITOR.slice(begin, MONITOR.indexOf('\n};', begin));
  const own = Object.fromEntries([...text.matchAll(/(\w+): rgb\(0x([0-9a-f]{6})\)/g)].map(([, key, value]) => [key, value]));
  const further = [.../further: \[([^\]]*)\]/s.exec(text)[1].matchAll(/0x([0-9a-f]{6})/g)].map(([, value]) => value);
  const base = /\.\.(\w+)/.exec(text);
  return { ...base ? palette(base[1]) : {}, ...own, further };
}

const parts = (hex) => [0, 2, 4].map((at) => parseInt(hex.slice(at, at + 2), 16) / 255);
const apart = (a, b) => Math.hypot(...parts(a).map((part, at) => part - parts(b)[at]));

for (const [name, colors] of Object.entries(THEMES)) {
  test(`${name}: the same things have the same colours as in the monitor`, () => {
    const { further, ...monitor } = palette(name);
    for (const key of ['background', 'panel', 'raised', 'text', 'muted', 'accent', 'up', 'down', 'warning', 'bad']) {
      assert.equal(colors[key], monitor[key], key);
    }
    assert.deepEqual(SERIES.slice(1, 1 + further.length).map((key) => colors[key]), further);
  });

  test(`${name}: every two series differ, and none looks like up, down or bad`, () => {
    SERIES.forEach((key, at) => {
      for (const other of [...SERIES.slice(0, at), 'up', 'down', 'bad']) {
        const distance = apart(colors[key], colors[other]);
        assert.ok(distance > APART, `${key} and ${other}: ${distance.toFixed(2)}`);
      }
    });
  });
}

test('a page without a chosen theme has the light colours by the system’s wish', () => {
  assert.deepEqual(variables('  :root:not([data-theme])'), variables(':root[data-theme^=light]'));
});
