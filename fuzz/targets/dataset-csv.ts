export { csv as default } from '../dataset-targets.ts';
