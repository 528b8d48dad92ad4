export { DatasetError } from './dataset-error.ts';
export type { DatasetFormat } from './formats.ts';
export {
  type PreferenceExample,
  preferenceExample,
  type PreferenceOptions,
  type PreferenceText,
} from './preferences.ts';
export { type Preferences, readPreferences, type ReadPreferencesOptions } from './read-preferences.ts';
export { type ReadOptions, readRecords, recordsOf, streamRecords } from './read-records.ts';
export { type DataRecord, recordError, requiredField, textField } from './record.ts';
export { type SftExample, sftExample } from './sft-example.ts';
export { type SplitRecordsOptions, splitRecords } from './split-records.ts';
