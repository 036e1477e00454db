'use strict';

const build = require('./build');
const measure = require('./measure');
const ways = require('./ways');
const { brokenPromises } = require('./promise');
const { help, readOptions } = require('./options');
const { introduction, report } = require('./report');
const { bytes } = require('./units');

function showProgress(text) {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[2K${text}`);
}

async function measureAll({ images, cap }) {
  const measurements = [];
  for (const way of ways) {
    const onProgress = ({ decoded, rss }) =>
      showProgress(`  ${way.name}: ${decoded} of ${images} images, ${bytes(rss)}`);
    measurements.push(await measure(way, { images, cap }, onProgress));
  }
  showProgress('');
  return measurements;
}

function findFailures(measurements, images) {
  return measurements.flatMap((way) => {
    if (way.error) return [`${way.name} failed: ${way.error}`];
    return way.usesTally ? brokenPromises(way, images).map((broken) => `${way.name} ${broken}`) : [];
  });
}

async function main() {
  const options = readOptions(process.argv.slice(2), process.env);
  if (options.help) return console.log(help);

  build();
  if (!options.json) console.log(introduction(options));
  const measurements = await measureAll(options);
  const failures = findFailures(measurements, options.images);

  if (options.json) {
    const { version: node, platform, arch } = process;
    const { images, cap } = options;
    console.log(JSON.stringify({ node, platform, arch, images, cap, ways: measurements, failures }, null, 2));
  } else {
    console.log(report(measurements, failures, options));
  }
  if (failures.length > 0) process.exitCode = 1;
}

main().catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
