'use strict';
// A stacked area chart as SVG. It is drawn here and not in the browser: it needs no script to be seen, also where
// pages of a CI system may run none, and the same picture goes into documents.

const { formatBytes, formatRoundBytes } = require('../../support/bytes');
const d3 = require('../../../prebuilds/tools/d3.js');
const { escapeHtml } = require('./escape');

const WIDTH = 960;
const HEIGHT = 300;
const LEFT = 72;
const RIGHT = 12;
const TOP = 14;
const BOTTOM = 34;
const TICKS = 5;
const GC_HEIGHT = 7;
const DIGITS = 1; // of coordinates

const plotWidth = WIDTH - LEFT - RIGHT;
const plotHeight = HEIGHT - TOP - BOTTOM;

const path = (className, name, d) =>
  `<path class="${className}" d="${d}"><title>${escapeHtml(name)}</title></path>`;

const fixed = (value) => Number(value.toFixed(DIGITS));

const tickText = (value) => (value === 0 ? '0' : formatRoundBytes(value));

function axes({ x, y }) {
  const rows = y
    .ticks(TICKS)
    .map(
      (value) =>
        `<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${fixed(y(value))}" y2="${fixed(y(value))}"/>` +
        `<text class="tick" x="${LEFT - 8}" y="${fixed(y(value) + 4)}" text-anchor="end">${tickText(value)}</text>`,
    );
  const columns = x
    .ticks(TICKS)
    .map(
      (value) =>
        `<text class="tick" x="${fixed(x(value))}" y="${HEIGHT - BOTTOM + 22}" text-anchor="middle">${value} s</text>`,
    );
  return [...rows, ...columns].join('');
}

/** One band for each series, from the sum of those below to the sum with it. */
function bands({ d3, x, y }, times, series) {
  const stack = d3
    .stack()
    .keys(series.keys())
    .value((at, key) => Math.max(0, series[key].values[at] ?? 0));
  const area = d3
    .area()
    .x((_, at) => x(times[at]))
    .y0(([below]) => y(below))
    .y1(([, above]) => y(above))
    .digits(DIGITS);
  return stack(times.keys()).map((band, at) =>
    path(`band ${series[at].className}`, series[at].name, area(band)),
  );
}

function line({ d3, x, y }, times, { name, className, values }) {
  const along = d3
    .line()
    .x((_, at) => x(times[at]))
    .y(y)
    .digits(DIGITS);
  return path(`line ${className}`, name, along(values));
}

function collections({ x }, marks) {
  if (marks.length === 0) return '';
  const base = TOP + plotHeight;
  const places = new Set(marks.map((seconds) => fixed(x(seconds)))); // of a long run many are the same
  const d = Array.from(places, (place) => `M${place} ${base}v-${GC_HEIGHT}`).join('');
  return path('gc', 'major garbage collections', d);
}

function limitLine({ y }, limit, most) {
  if (limit === undefined || limit > most) return '';
  return (
    `<line class="limit" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${fixed(y(limit))}" y2="${fixed(y(limit))}"/>` +
    `<text class="limit-text" x="${LEFT + 6}" y="${fixed(y(limit) - 4)}">stopped at ${formatBytes(limit)}</text>`
  );
}

/**
 * `times` in seconds; `series` from the bottom to the top and `over`, a line, as { name, className, values }; `marks`
 * the seconds of collections; `limit` and the `top` of the scale in bytes. Returns { svg, geometry }, the second for a
 * script that follows the pointer.
 */
function chart({ title, times, series, over, marks = [], limit, top }) {
  const seconds = Math.max(times.at(-1) ?? 0, 0.1);
  const sums = times.map((_, at) =>
    series.reduce((sum, { values }) => sum + Math.max(0, values[at] ?? 0), 0),
  );
  const most = top ?? Math.max(...sums, ...(over?.values ?? []), 1) * 1.05;
  const to = {
    d3,
    x: d3.scaleLinear([0, seconds], [LEFT, LEFT + plotWidth]),
    y: d3.scaleLinear([0, most], [TOP + plotHeight, TOP]),
  };
  const parts = [
    ...bands(to, times, series),
    axes(to),
    ...(over === undefined ? [] : [line(to, times, over)]),
    collections(
      to,
      marks.filter((mark) => mark <= seconds),
    ),
    limitLine(to, limit, most),
  ];
  const svg =
    `<svg class="chart" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escapeHtml(title)}">` +
    `<title>${escapeHtml(title)}</title>${parts.join('')}</svg>`;
  return { svg, geometry: { width: WIDTH, left: LEFT, plotWidth, top: TOP, plotHeight, seconds } };
}

module.exports = { chart };
