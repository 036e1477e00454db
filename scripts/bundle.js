'use strict';
// What the package brings along, so that it depends on nothing, below prebuilds/: the libraries of the command line, one
// file each, with their licences; and what a build from source needs besides native/.

const fs = require('node:fs');
const path = require('node:path');
const { buildSync } = require('esbuild');
const { root } = require('./tools.js');

const TOOLS = {
  'cli-progress': `module.exports = require('cli-progress');`,
  'cli-table3': `module.exports = require('cli-table3');`,
  d3: `export * from 'd3-scale'; export * from 'd3-shape';`,
};
const LICENCES = ['MIT', 'ISC', 'BSD-3-Clause'];

const tools = path.join(root, 'prebuilds/tools');
const source = path.join(root, 'prebuilds/source');

/** Writes a library and what it needs as one file. Returns the directories of the packages in it. */
function bundle([name, contents]) {
  const { metafile } = buildSync({
    absWorkingDir: root,
    stdin: { contents, resolveDir: root },
    outfile: path.join(tools, `${name}.js`),
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node18',
    minify: true,
    legalComments: 'none',
    metafile: true,
    logLevel: 'warning',
    external: ['@colors/colors'], // optional, and nothing here is coloured by it
  });
  const files = Object.keys(metafile.inputs).filter((file) => file.includes('node_modules/'));
  return files.map((file) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)[0]);
}

function licenceOf(directory) {
  const { name, version, license } = JSON.parse(fs.readFileSync(path.join(root, directory, 'package.json')));
  const file = fs.readdirSync(path.join(root, directory)).find((entry) => /^licen[cs]e/i.test(entry));
  if (!LICENCES.includes(license) || file === undefined) throw new Error(`What is the licence of ${name}?`);
  const text = fs.readFileSync(path.join(root, directory, file), 'utf8').trim();
  return `${name} ${version} (${license})\n\n${text}\n`;
}

fs.rmSync(tools, { recursive: true, force: true });
fs.rmSync(source, { recursive: true, force: true });
const packages = [...new Set(Object.entries(TOOLS).flatMap(bundle))].sort();
fs.writeFileSync(path.join(tools, 'LICENSES'), packages.map(licenceOf).join(`\n${'-'.repeat(80)}\n\n`));

fs.mkdirSync(source, { recursive: true });
fs.copyFileSync(path.join(root, 'binding.gyp'), path.join(source, 'binding.gyp'));
for (const file of ['napi.h', 'napi-inl.h', 'napi-inl.deprecated.h', 'LICENSE.md']) {
  fs.copyFileSync(path.join(root, 'node_modules/node-addon-api', file), path.join(source, file));
}
