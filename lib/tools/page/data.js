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

/**
 * Of what the resident memory consisted when it was largest: { seconds, rss, parts } with { name, bytes, className } each, what
 * is tracked by account below it; undefined without samples.
 */
function peakOf({ samples, accounts }) {
  if (samples.length === 0) return undefined;
  const peak = samples.reduce((most, sample) => (sample.rss > most.rss ? sample : most));
  const parts = [...ORDER]
    .reverse()
    .filter((term) => peak[term] !== undefined)
    .map((term) => ({ name: TERMS[term], bytes: peak[term], className: `term-${term}` }));
  const tracked = accounts.filter(({ seconds }) => seconds <= peak.seconds).at(-1)?.accounts ?? [];
  const largest = [...tracked].sort((a, b) => b.bytes - a.bytes).slice(0, MOST_ACCOUNTS);
  const at = parts.findIndex(({ className }) => className === 'term-tracked');
  parts.splice(at + 1, 0, ...(at < 0 ? [] : largest).map(({ label, bytes }) => ({ name: label, bytes })));
  return { seconds: peak.seconds, rss: peak.rss, parts };
}

module.exports = { accountSeries, memorySeries, peakOf };
