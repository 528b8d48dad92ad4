// SVG as PNG, by the Skia that @napi-rs/canvas brings.

/** What PNG needs is not installed. */
export class MissingCanvasError extends Error {
  override readonly name = 'MissingCanvasError';
}

/**
 * An SVG file as PNG.
 *
 * @param svg with `width` and `height` in pixels
 * @param scale pixels of the PNG for each of the SVG's. Default 2, for sharp screens
 * @throws MissingCanvasError if the optional package @napi-rs/canvas is not installed, or no font is
 */
export async function svgToPng(svg: string, { scale = 2 }: { readonly scale?: number } = {}): Promise<Buffer> {
  const { createCanvas, GlobalFonts, loadImage } = await loadCanvas();
  if (GlobalFonts.families.length === 0) {
    throw new MissingCanvasError(
      'a PNG would have no letters, as this system has no fonts: install some (Debian and Ubuntu: apt install fonts-dejavu-core), or ' +
        'use the SVG',
    );
  }
  const image = await loadImage(Buffer.from(svg));
  const [width, height] = [Math.round(image.width * scale), Math.round(image.height * scale)];
  const canvas = createCanvas(width, height);
  canvas.getContext('2d').drawImage(image, 0, 0, width, height);
  return canvas.encode('png');
}

async function loadCanvas(): Promise<typeof import('@napi-rs/canvas')> {
  try {
    return await import('@napi-rs/canvas');
  } catch (error) {
    throw new MissingCanvasError('PNG needs the package @napi-rs/canvas: npm install @napi-rs/canvas@1.1.1', {
      cause: error,
    });
  }
}
