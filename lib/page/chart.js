'use strict';
// A stacked area chart as SVG. It is drawn here and not in the browser: it needs no script to be seen, also where
// pages of a CI system may run none, and the same picture goes into documents.

const { formatBytes } = require('../bytes');
const { escapeHtml } = require('./escape');

const WIDTH = 960;
const HEIGHT = 300;
const LEFT = 72;
const RIGHT = 12;
const TOP = 14;
const BOTTOM = 34;
const TICKS = 5;
const GC_HEIGHT = 7;

const plotWidth = WIDTH - LEFT - RIGHT;
const plotHeight = HEIGHT - TOP - BOTTOM;

/** A step of 1, 2 or 5 times a power of ten, of which about TICKS fit into `span`. */
function niceStep(span) {
  const rough = span / TICKS;
  const power = 10 ** Math.floor(Math.log10(rough));
  return power * [1, 2, 5, 10].find((factor) => factor * power >= rough);
}

function ticksUpTo(most) {
  const step = niceStep(most);
  return Array.from({ length: Math.floor(most / step + 1e-9) + 1 }, (_, at) => at * step);
}

const fixed = (value) => Number(value.toFixed(1));

function scales(seconds, most) {
  const x = (value) => fixed(LEFT + (value / seconds) * plotWidth);
  const y = (value) => fixed(TOP + plotHeight - (value / most) * plotHeight);
  return { x, y };
}

const tickText = (value) => (value === 0 ? '0' : formatBytes(value).replace(/\.0+(?= )|(\.\d)0(?= )/, '$1'));

function axes({ x, y }, seconds, most) {
  const rows = ticksUpTo(most).map(
    (value) =>
      `<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(value)}" y2="${y(value)}"/>` +
      `<text class="tick" x="${LEFT - 8}" y="${y(value) + 4}" text-anchor="end">${tickText(value)}</text>`,
  );
  const columns = ticksUpTo(seconds).map(
    (value) =>
      `<text class="tick" x="${x(value)}" y="${HEIGHT - BOTTOM + 22}" text-anchor="middle">${Number(value.toPrecision(6))} s</text>`,
  );
  return [...rows, ...columns].join('');
}

const along = (points) => points.map(([px, py], at) => `${at === 0 ? 'M' : 'L'}${px} ${py}`).join('');

/** One band for each series, from the sum of those below to the sum with it. */
function bands({ x, y }, times, series) {
  let below = times.map(() => 0);
  return series.map(({ name, className, values }) => {
    const above = below.map((base, at) => base + Math.max(0, values[at] ?? 0));
    const edge = above.map((value, at) => [x(times[at]), y(value)]);
    const back = below.map((value, at) => [x(times[at]), y(value)]).reverse();
    below = above;
    const path = `${along(edge)}${along(back).replace('M', 'L')}Z`;
    return `<path class="band ${className}" d="${path}"><title>${escapeHtml(name)}</title></path>`;
  });
}

function line({ x, y }, times, { name, className, values }) {
  const path = along(values.map((value, at) => [x(times[at]), y(value)]));
  return `<path class="line ${className}" d="${path}"><title>${escapeHtml(name)}</title></path>`;
}

function collections({ x }, marks) {
  if (marks.length === 0) return '';
  const base = TOP + plotHeight;
  const places = new Set(marks.map((seconds) => x(seconds))); // of a long run many are the same
  const path = Array.from(places, (place) => `M${place} ${base}v-${GC_HEIGHT}`).join('');
  return `<path class="gc" d="${path}"><title>major garbage collections</title></path>`;
}

function limitLine({ y }, limit, most) {
  if (limit === undefined || limit > most) return '';
  return (
    `<line class="limit" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(limit)}" y2="${y(limit)}"/>` +
    `<text class="limit-text" x="${LEFT + 6}" y="${y(limit) - 4}">stopped at ${formatBytes(limit)}</text>`
  );
}

/**
 * `times` in seconds; `series` from the bottom to the top and `over`, a line, as { name, className, values }; `marks`
 * the seconds of collections; `limit` and the `top` of the scale in bytes. Returns { svg, geometry }, the second for a script that follows the
 * pointer.
 */
function chart({ title, times, series, over, marks = [], limit, top }) {
  const seconds = Math.max(times.at(-1) ?? 0, 0.1);
  const sums = times.map((_, at) =>
    series.reduce((sum, { values }) => sum + Math.max(0, values[at] ?? 0), 0),
  );
  const most = top ?? Math.max(...sums, ...(over?.values ?? []), 1) * 1.05;
  const to = scales(seconds, most);
  const parts = [
    ...bands(to, times, series),
    axes(to, seconds, most),
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
