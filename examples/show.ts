// What notebooks show besides text: Jupyter asks a cell's last value for its picture.

import { Buffer } from 'node:buffer';
import { readFileSync } from 'node:fs';

/** Shows SVG pictures below each other. */
export function pictures(drawn: readonly { readonly svg: string }[]): object {
  return shown(drawn.map(({ svg }) => `<img src="${address('image/svg+xml', Buffer.from(svg))}">`).join('\n'));
}

/** Shows a GIF file as a film. */
export function film(path: string): object {
  return shown(`<img src="${address('image/gif', readFileSync(path))}" width="400">`);
}

function address(type: string, bytes: Buffer): string {
  return `data:${type};base64,${bytes.toString('base64')}`;
}

function shown(html: string): object {
  return { [Symbol.for('Jupyter.display')]: () => ({ 'text/html': html }) };
}
