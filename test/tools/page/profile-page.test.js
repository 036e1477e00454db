/** @jest-environment ./test/support/once.js */
'use strict';
// The page of a profile, in a real browser.
/* global document */

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { FORMATS } = require('../../../lib/tools/profile/formats.js');
const { VIEWS } = require('../../../lib/tools/profile/views.js');
const { canBrowse, contrast, launch, openFile } = require('../../support/chromium.js');
const { some } = require('../../support/whole.js');

const MB = 1e6;
const HOSTILE = '</button><img src=x onerror="window.hacked = true">';

const frame = (name, file = '', line = 0) => ({ name, file, line, column: line && 1 });
const main = frame('main', '/app.js', 3);
const decode = frame('decode', '/app.js', 10);
const image = frame('image_new', '/lib/libimage.so');

function site(frames, ...bytes) {
  return {
    frames,
    ...Object.fromEntries(Object.keys(VIEWS).map((view, at) => [view, { bytes: bytes[at] }])),
  };
}

// In use, allocated, at the peak, temporary.
const sites = [
  site([main, decode, image, frame('pixels', '/lib/libimage.so')], 60 * MB, 60 * MB, 60 * MB, 0),
  site([main, decode, image], 20 * MB, 20 * MB, 20 * MB, 0),
  site(
    [main, frame(HOSTILE, '/app.js', 20), frame('parse', '/lib/libxml.so')],
    20 * MB,
    320 * MB,
    120 * MB,
    100 * MB,
  ),
  site([main, frame('small', '/app.js', 30), frame('strdup', '/lib/libc.so')], 0, 1000, 0, 1000),
];
const profile = {
  ...{ version: '0.1.0', every: 65_536, startedAt: Date.UTC(2026, 10, 30), seconds: 12.34, sites },
  notCounted: [{ library: HOSTILE, reason: 'it is not there' }],
};

const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'ffi-tally-profile-page-'));
const file = path.join(directory, 'page.html');
beforeAll(() => fs.writeFileSync(file, FORMATS['.html'](profile)));
afterAll(() => fs.rmSync(directory, { recursive: true }));

test('is one file that names no other, and leaves out what is too small to be seen', () => {
  const html = fs.readFileSync(file, 'utf8');
  expect(html).not.toMatch(/\b(src|href)\s*=\s*["'](?!x)/);
  expect(html).not.toMatch(/@import|url\(/);
  expect(html).not.toContain('>small<');
  expect(html).toMatch(/ffi-tally 0\.1\.0, 2026-11-30 00:00 UTC, 12\.3 s, one sample in 65\.5 KB/);
});

test('nothing was allocated: there is a page all the same', () => {
  expect(FORMATS['.html']({ ...profile, sites: [] })).toContain('>all</button>');
});

(canBrowse ? describe : describe.skip)('in Chromium', () => {
  let browser;
  let page;
  let seen;

  beforeAll(async () => (browser = await launch()));
  afterAll(() => browser?.close());
  beforeEach(async () => ({ page, seen } = await openFile(browser, file)));
  afterEach(() => page.context().close());

  const button = (name) => page.getByRole('button', { name, exact: true });
  const width = async (name) => (await button(name).first().boundingBox())?.width ?? 0;
  const focused = () => page.evaluate('document.activeElement.textContent');
  /** The part of the whole width, in hundredths. */
  const share = async (name) => Math.round((100 * (await width(name))) / (await width('all')));

  test('nothing on the console, no network, and hostile names stay text', async () => {
    expect(seen.errors).toEqual([]);
    expect(seen.requests).toHaveLength(1);
    expect(await page.evaluate('window.hacked')).toBe(undefined);
    expect(await button(HOSTILE).count()).toBe(1);
  });

  test('each frame is as wide as what it has in the view that was chosen', async () => {
    const choose = (view) => page.getByLabel(VIEWS[view]).check();
    const shares = async () => [await share('decode'), await share('pixels'), await share('parse')];
    expect(await shares()).toEqual([80, 60, 20]);
    await choose('allocated');
    expect(await shares()).toEqual([20, 15, 80]);
    await choose('atPeak');
    expect(await shares()).toEqual([40, 30, 60]);
    await choose('temporary');
    expect(await shares()).toEqual([0, 0, 100]);
  });

  test('a click enlarges a frame, with all that is in it, and one on the root shows all', async () => {
    await button('decode').click();
    expect(await share('decode')).toBe(100);
    expect(await share('pixels')).toBe(75);
    expect(await button(HOSTILE).isVisible()).toBe(false);
    expect(await page.locator('output').innerText()).toBe(
      'decode\n/app.js:10\nin use 80.0 MB, allocated 80.0 MB, at the peak 80.0 MB, temporary 0 bytes',
    );
    await button('all').click();
    expect(await share('decode')).toBe(80);
    expect(await button(HOSTILE).isVisible()).toBe(true);
  });

  test('keys reach every frame', async () => {
    await page.getByLabel('in use').focus();
    const press = async (...keys) => {
      for (const key of keys) await page.keyboard.press(key);
      return focused();
    };
    expect(await press('Tab')).toBe('all');
    expect(await press('ArrowDown', 'ArrowDown')).toBe(HOSTILE); // of most that was allocated
    expect(await press('ArrowRight')).toBe('decode');
    expect(await press('ArrowRight')).toBe('decode');
    expect(await press('ArrowDown', 'Enter')).toBe('image_new');
    expect(await share('image_new')).toBe(100);
    expect(await press('ArrowUp', 'ArrowLeft')).toBe('decode'); // what is beside it is not seen
    expect(await press('Escape', 'ArrowLeft')).toBe(HOSTILE);
    expect(await press('Home')).toBe('all');
    expect(await page.locator('[tabindex="0"]').count()).toBe(1);
  });

  test('the functions are listed by the lines that call them', async () => {
    const rows = await page.locator('.sortable tbody tr').allInnerTexts();
    expect(rows.map((row) => row.split('\t'))).toEqual([
      ['parse', '20.0 MB', '320 MB', '120 MB', '100 MB', '/app.js:20'],
      ['image_new', '80.0 MB', '80.0 MB', '80.0 MB', '0 bytes', '/app.js:10'],
      ['strdup', '0 bytes', '1.00 KB', '0 bytes', '1.00 KB', '/app.js:30'],
    ]);
  });

  test.each(some(['light', 'dark'], 'dark'))('can be read, %s, and on a telephone', async (colorScheme) => {
    const { page: other } = await openFile(browser, file, { colorScheme });
    const texts = ['.frames .javascript', '.frames .native', '.frames .other'].map((each) => [each, each]);
    const { least } = await contrast(other, [...texts, ['.flame output', 'figure'], ['.views', 'figure']]);
    expect(least).toBeGreaterThan(4.5);
    await other.setViewportSize({ width: 380, height: 700 });
    expect(await other.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(380);
  });

  test('without scripts there are the frames and the views', async () => {
    ({ page, seen } = await openFile(browser, file, { javaScriptEnabled: false }));
    expect(seen.errors).toEqual([]);
    await page.getByLabel('temporary').check();
    expect(await share('parse')).toBe(100);
  });
});
