'use strict';
// The name of a file tells its format.

const { renderProfile } = require('../page/profile-page');
const { heapProfile } = require('./heapprofile');
const { pprof } = require('./pprof');
const { speedscope } = require('./speedscope');
const { treeOf } = require('./tree');
const { VIEWS } = require('./views');

/** By the end of the name, what gives the content of such a file. */
const FORMATS = {
  '.heapprofile': (profile, view = 'inUse') => JSON.stringify(heapProfile(profile, view)),
  '.speedscope.json': (profile) => JSON.stringify(speedscope(profile)),
  '.pb.gz': pprof,
  '.html': (profile) => renderProfile(profile, treeOf(profile.sites), VIEWS),
};
const ENDINGS = Object.keys(FORMATS);

/** The end of that name, if it is one of FORMATS. */
const endingOf = (file) => ENDINGS.find((each) => file.endsWith(each));

module.exports = { ENDINGS, FORMATS, endingOf };
