'use strict';
// What the charts show of a recorded run.

const { TERMS } = require('../../figures/rss-breakdown');

const MOST_POINTS = 600;
const MOST_ACCOUNTS = 7;
// Below what is steady and of no interest; the suspects on top.
const ORDER = ['rest', 'heap', 'buffers', 'tracked', 'fragmentation', 'untracked'];

/** At most MOST_POINTS of `list`, the last among them. */
function thinned(list) {
  const step = Math.ceil(list.length / MOST_POINTS);
  return step <= 1 ? list : list.filter((_, at) => at % step === 0 || at === list.length - 1);
}

/** { times, series, over } of the terms of the resident memory. */
function memorySeries({ samples }) {
  const shown = thinned(samples);
  const known = ORDER.filter((term) => shown.some((sample) => sample[term] !== undefined));
  return {
    times: shown.map(({ seconds }) => seconds),
    series: known.map((term) => ({
      name: TERMS[term],
      className: `term-${term}`,
      values: shown.map((sample) => sample[term] ?? 0),
    })),
    over: { name: 'resident', className: 'term-rss', values: shown.map(({ rss }) => rss) },
  };
}

/** { times, series } of the largest accounts, or null where nothing is tracked. */
function accountSeries({ accounts }) {
  const shown = thinned(accounts);
  const peaks = new Map();
  for (const { accounts: list } of shown) {
    for (const { label, bytes } of list) peaks.set(label, Math.max(peaks.get(label) ?? 0, bytes));
  }
  if (peaks.size === 0) return null;
  const labels = [...peaks].sort(([, a], [, b]) => b - a).map(([label]) => label);
  const own = labels.slice(0, MOST_ACCOUNTS);
  const valuesOf = (accepts) =>
    shown.map(({ accounts: list }) =>
      list.filter(({ label }) => accepts(label)).reduce((sum, { bytes }) => sum + bytes, 0),
    );
  const series = own.map((label, at) => ({
    name: label,
    className: `account-${at}`,
    values: valuesOf((other) => other === label),
  }));
  if (labels.length > own.length) {
    const name = `${labels.length - own.length} others`;
    series.push({ name, className: 'account-others', values: valuesOf((label) => !own.includes(label)) });
  }
  return { times: shown.map(({ seconds }) => seconds), series: series.reverse() };
}

module.exports = { accountSeries, memorySeries };
