/** How this command is called where it runs: from the sources, or installed. */
export function ourCommand(): string {
  return import.meta.url.endsWith('.ts') ? 'npm run gymformer --' : 'npx gymformer';
}
