// `media/` of a run: its main pictures, drawn when it ends.

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { drawRuns, type Picture } from './pictures.ts';
import { MissingCanvasError, svgToPng } from './png.ts';

/** That PNGs cannot be made is told once, not by every run. */
let toldOfPng = false;

/**
 * Draws a run into its `media/`, as SVG and PNG. Never throws: a run does not fail because its picture does.
 *
 * @param warn receives what could not be drawn. Default `console.warn`
 */
export async function drawMedia(runDirectory: string, warn: (message: string) => void = console.warn): Promise<void> {
  await writeMedia(runDirectory, async () => (await drawRuns([runDirectory])).pictures, warn);
}

/** Writes pictures into a run's `media/`, as {@link drawMedia} does. */
export async function writeMedia(
  runDirectory: string,
  draw: () => Promise<readonly Picture[]>,
  warn: (message: string) => void = console.warn,
): Promise<void> {
  try {
    const pictures = await draw();
    const folder = join(runDirectory, 'media');
    if (pictures.length > 0) await mkdir(folder, { recursive: true });
    for (const { name, svg } of pictures) await writeFile(join(folder, `${name}.svg`), svg);
    // Side by side: they are compressed by threads of Node's.
    await Promise.all(
      pictures.map(async ({ name, svg }) => writeFile(join(folder, `${name}.png`), await svgToPng(svg))),
    );
  } catch (error) {
    if (!(error instanceof MissingCanvasError)) {
      warn(`no pictures were drawn of ${runDirectory}: ${error instanceof Error ? error.message : String(error)}`);
    } else if (!toldOfPng) {
      toldOfPng = true;
      warn(`media/ has its pictures as SVG alone: ${error.message}`);
    }
  }
}
