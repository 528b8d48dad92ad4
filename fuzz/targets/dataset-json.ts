export { json as default } from '../dataset-targets.ts';
