'use strict';
// Debian's Chromium, driven by playwright-core, which needs Node 20.

const fs = require('node:fs');
const { pathToFileURL } = require('node:url');

const CANDIDATES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const executablePath = CANDIDATES.find((file) => fs.existsSync(file));
const isNew = Number(process.versions.node.split('.')[0]) >= 20;
const canBrowse = executablePath !== undefined && isNew;
if (!canBrowse) {
  const text = 'Chromium is not installed, or Node is older than 20: the page is not looked at in a browser';
  if (process.env.CI === 'true' && isNew) throw new Error(text);
  process.emitWarning(text);
}

const launch = () => require('playwright-core').chromium.launch({ executablePath, args: ['--no-sandbox'] });

/** { page, seen } of a file: the page, and what it has said and asked for. */
async function openFile(browser, file, { colorScheme = 'light', javaScriptEnabled = true } = {}) {
  const viewport = { width: 1000, height: 900 };
  const context = await browser.newContext({ colorScheme, javaScriptEnabled, viewport });
  context.setDefaultTimeout(300_000); // as that of the test
  const page = await context.newPage();
  const seen = { errors: [], requests: [] };
  page.on('console', (message) => seen.errors.push(message.text()));
  page.on('pageerror', (error) => seen.errors.push(error.message));
  page.on('request', (request) => seen.requests.push(request.url()));
  await page.goto(pathToFileURL(file).href);
  return { page, seen };
}

/** The least that the text of `pairs`, [selector, selector of its ground], stands out: WCAG wants 4.5. */
async function contrast(page, pairs) {
  /* global document, getComputedStyle */
  const colours = await page.evaluate(
    (all) =>
      all.map(([text, ground]) => {
        const rgb = (value) => value.match(/\d+/g).slice(0, 3).map(Number);
        const style = getComputedStyle(document.querySelector(text));
        const ink = text === '.tick' ? style.fill : style.color;
        return [ink, getComputedStyle(document.querySelector(ground)).backgroundColor].map(rgb);
      }),
    pairs,
  );
  const channel = (value) =>
    value / 255 <= 0.03928 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4;
  const luminance = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const ratios = colours.map((pair) => {
    const [low, high] = pair.map(luminance).sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  });
  return { least: Math.min(...ratios), ground: luminance(colours[0][1]) };
}

module.exports = { canBrowse, contrast, launch, openFile };
