// `npm run wasm:generate`: writes the bytes of each src/**/*.wat to the file beside it whose name ends in -bytes.ts.

import { writeFileSync } from 'node:fs';
import { wasmModules } from './wasm-modules.ts';

for (const { path, text } of await wasmModules()) {
  writeFileSync(path, text);
  console.log(path);
}
