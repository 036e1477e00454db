/** @jest-environment ./test/support/once.js */
'use strict';
// The page in a real browser.
/* global document */

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { pathToFileURL } = require('node:url');
const { canBrowse, contrast, launch, openFile } = require('../../support/chromium.js');
const { pageOf } = require('../../support/page.js');

const MB = 1e6;
const HOSTILE = '</script><img src=x onerror="window.hacked = true">';

/** Ten seconds in which untracked memory grows, a hostile account and a hostile function among what is in it. */
function made() {
  const seconds = Array.from({ length: 101 }, (_, at) => at / 10);
  return {
    command: ['app.js', '--name', HOSTILE],
    node: 'v20.0.0',
    startedAt: '2026-11-30T00:01:02.003Z',
    limits: { heap: 128 * MB, rss: 1000 * MB },
    samples: seconds.map((at) => {
      const terms = {
        heap: 20 * MB,
        buffers: MB,
        tracked: 30 * MB,
        untracked: (5 + at * 10) * MB,
        fragmentation: MB,
        rest: 50 * MB,
      };
      return { seconds: at, ...terms, rss: Object.values(terms).reduce((sum, value) => sum + value, 0) };
    }),
    collections: [{ seconds: 2 }, { seconds: 4.5 }, { seconds: 9 }],
    accounts: seconds.map((at) => ({
      seconds: at,
      accounts: [
        { label: HOSTILE, bytes: 20 * MB, pointers: 2 },
        { label: 'image & font', bytes: at * MB, pointers: 1 },
      ],
    })),
    audit: {
      measures: true,
      calls: 10,
      seconds: 10,
      functions: [
        {
          ...{ name: `f${HOSTILE}`, library: 'lib.so', signature: '', calls: 10, kept: MB, perCall: MB / 10 },
          ...{ outstanding: MB, pointers: 3, tracked: undefined, freedBy: [], uncertain: [HOSTILE] },
        },
        {
          ...{
            name: 'small',
            library: 'lib.so',
            signature: '',
            calls: 9,
            kept: 0,
            perCall: 0,
            outstanding: 0,
          },
          ...{ pointers: 0, tracked: undefined, adopted: { pointers: 7 }, freedBy: [], uncertain: [] },
        },
        {
          ...{
            name: 'many',
            library: 'lib.so',
            signature: '',
            calls: 100,
            kept: 0,
            perCall: 0,
            outstanding: 0,
          },
          ...{ pointers: 0, tracked: undefined, freedBy: [], uncertain: [] },
        },
      ],
      findings: [
        {
          kind: 'leak',
          function: 'f',
          library: 'lib.so',
          bytes: MB,
          text: `f \`${HOSTILE}\``,
          code: HOSTILE,
        },
      ],
    },
    errors: [],
    started: true,
    exit: { code: 0 },
    seconds: 10,
  };
}

const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'ffi-tally-page-'));
const file = path.join(directory, 'page.html');
afterAll(() => fs.rmSync(directory, { recursive: true }));

function render(run) {
  const record = path.join(directory, 'run.json');
  fs.writeFileSync(record, JSON.stringify(run));
  return pageOf(`require(${JSON.stringify(record)})`);
}

test('is one file that names no other', async () => {
  const html = await render(made());
  expect(html).not.toMatch(/\b(src|href)\s*=\s*["'](?!x)/);
  expect(html).not.toMatch(/@import|url\(/);
  const links = html.match(/https?:\/\/[^\s'"<]+/g) ?? [];
  expect([...new Set(links)]).toEqual(['http://www.w3.org/2000/svg']); // a name, not an address
});

test('without samples, accounts or an audit there is a page all the same', async () => {
  const html = await render({ ...made(), samples: [], accounts: [], audit: undefined, collections: [] });
  expect(html).toContain('too short to judge');
  expect(html).not.toContain('<figure>');
});

(canBrowse ? describe : describe.skip)('in Chromium', () => {
  let browser;

  beforeAll(async () => {
    fs.writeFileSync(file, await render(made()));
    browser = await launch();
  });
  afterAll(() => browser?.close());

  const open = (colorScheme, javaScriptEnabled) =>
    openFile(browser, file, { colorScheme, javaScriptEnabled });

  test('nothing on the console, no network, and hostile labels stay text', async () => {
    const { page, seen } = await open('light');
    expect(seen.errors).toEqual([]);
    expect(seen.requests).toEqual([pathToFileURL(file).href]);
    expect(await page.evaluate('window.hacked')).toBe(undefined);
    expect(await page.locator('img').count()).toBe(0);
    expect(await page.locator('h1').innerText()).toContain(HOSTILE);
    expect(await page.locator('.legend', { hasText: HOSTILE }).count()).toBe(1);
    expect(await page.locator('td', { hasText: HOSTILE }).count()).toBe(3);
    expect(await page.locator('pre').innerText()).toBe(HOSTILE);
  });

  test('the chart has the data', async () => {
    const { page } = await open('light');
    const memory = page.locator('figure').first();
    const boxOf = (selector) =>
      memory.locator(selector).evaluate((path) => ({ height: path.getBBox().height }));
    const plot = 252; // its height, which stands for a little more than the most that was resident
    const untracked = await boxOf('.band.term-untracked');
    const most = Math.max(...made().samples.map(({ rss }) => rss)) * 1.05;
    // From the bottom of its first value, on what lies below, to the top of its last.
    expect(untracked.height).toBeCloseTo((105 / (most / MB)) * plot, 0);
    const rest = await boxOf('.band.term-rest');
    expect(rest.height).toBeCloseTo((50 / (most / MB)) * plot, 0);
    expect(await memory.locator('.band').count()).toBe(6);
    expect(await memory.locator('.gc').getAttribute('d')).toMatch(/^(M[\d.]+ \d+v-7){3}$/);
    expect(await memory.locator('figcaption').innerText()).toContain('3 major collections');
    const points = (await memory.locator('.line.term-rss').getAttribute('d')).split('L').length;
    expect(points).toBe(101);
    expect(await page.locator('figure').nth(1).locator('.band').count()).toBe(2);
  });

  test('when it ran, with what, and of what the peak consists', async () => {
    const { page } = await open('light');
    const facts = await page.locator('.facts').innerText();
    expect(facts).toMatch(
      /^Node v20\.0\.0, ffi-tally \S+, 2026-11-30 00:01 UTC, 10\.0 s, heap limit 128 MB, .* 1\.00 GB$/,
    );
    const peak = page.locator('section', { hasText: 'At the peak: 207 MB after 10.0 s' });
    expect(await peak.locator('tbody tr').allInnerTexts()).toEqual([
      'untracked native\t105 MB\t51 %',
      expect.any(String),
      'tracked\t30.0 MB\t14 %',
      `${HOSTILE}\t20.0 MB\t10 %`,
      'image & font\t10.0 MB\t5 %',
      ...Array(3).fill(expect.any(String)),
    ]);
  });

  test('functions can be sorted and filtered', async () => {
    const { page } = await open('light');
    const names = async () =>
      (await page.locator('.sortable tbody tr:visible td:first-child').allInnerTexts()).map((name) =>
        name.slice(0, 4),
      );
    const sort = (head) => page.locator('.sortable th button', { hasText: head }).click();
    expect(await names()).toEqual(['f</s', 'smal', 'many']);
    await sort('Calls');
    expect(await names()).toEqual(['many', 'f</s', 'smal']);
    await sort('Calls');
    expect(await names()).toEqual(['smal', 'f</s', 'many']);
    await sort('Function');
    expect(await names()).toEqual(['f</s', 'many', 'smal']);
    expect(await page.locator('[aria-sort]').count()).toBe(1);
    await page.locator('input').fill('MANY');
    expect(await names()).toEqual(['many']);
  });

  test('values can be read off under the pointer', async () => {
    const { page } = await open('light');
    const svg = page.locator('svg').first();
    const box = await svg.boundingBox();
    const x = box.x + ((72 + 0.5 * 876) / 960) * box.width;
    await page.mouse.move(x, box.y + box.height / 2);
    const readout = page.locator('output').first();
    expect(await readout.innerText()).toContain('5.0 s');
    expect(await readout.innerText()).toContain('untracked native: 55.0 MB');
    await page.mouse.move(2, 2);
    expect(await readout.isVisible()).toBe(false);
  });

  test('is dark where that is wanted, and its text can be read on its ground', async () => {
    const grounds = {};
    for (const scheme of ['light', 'dark']) {
      const { page } = await open(scheme);
      const { least, ground } = await contrast(page, [
        ['h1', 'body'],
        ['.facts', 'body'],
        ['.verdict', '.verdict'],
        ['.legend', 'figure'],
        ['.tick', 'figure'],
        ['td', 'body'],
      ]);
      grounds[scheme] = ground;
      expect(least).toBeGreaterThan(4.5);
    }
    expect(grounds.light).toBeGreaterThan(0.9);
    expect(grounds.dark).toBeLessThan(0.05);
  });

  test('without scripts all but the readout is there', async () => {
    const { page, seen } = await open('light', false);
    expect(seen.errors).toEqual([]);
    expect(await page.locator('.band').count()).toBe(8);
    expect(await page.locator('table').last().isVisible()).toBe(true);
    expect(await page.locator('input').count()).toBe(0);
  });

  test('is not wider than a telephone', async () => {
    const { page } = await open('light');
    await page.setViewportSize({ width: 380, height: 700 });
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    expect(width).toBeLessThanOrEqual(380);
    const smallest = (selector, side) =>
      page.evaluate(
        ([all, of]) =>
          Math.min(...[...document.querySelectorAll(all)].map((each) => each.getBoundingClientRect()[of])),
        [selector, side],
      );
    expect(await smallest('.tick', 'height')).toBeGreaterThan(7); // can be read
    expect(await smallest('.sortable td:first-child', 'width')).toBeGreaterThan(60); // not one letter wide
  });
});
