export { load, resolve } from './hooks.js';
