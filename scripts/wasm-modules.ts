// Compiles the WebAssembly texts of src/ into the TypeScript files that hold their bytes.

import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import loadWabt from 'wabt';

/** The WebAssembly texts of the project, and for each the path and the text of the file that is generated from it. */
export async function wasmModules(): Promise<{ wat: string; path: string; text: string }[]> {
  const wabt = await loadWabt();
  const files = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.wat'));
  return files.sort().map((file) => {
    const wat = join('src', file);
    const module = wabt.parseWat(wat, readFileSync(wat, 'utf8'));
    module.validate();
    const bytes = Buffer.from(module.toBinary({}).buffer);
    module.destroy();
    const name = basename(wat, '.wat').replaceAll('-', '_').toUpperCase();
    const text = [
      `// Generated from ${basename(wat)} by \`npm run wasm:generate\`. Do not edit.`,
      '',
      `/** ${bytes.length} bytes of WebAssembly in base64. */`,
      `export const ${name} =`,
      `  '${bytes.toString('base64')}';`,
      '',
    ].join('\n');
    return { wat, path: wat.replace(/\.wat$/, '-bytes.ts'), text };
  });
}
