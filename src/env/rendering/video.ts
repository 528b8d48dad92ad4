// Frames as a video: GIF, WebM or MP4, encoded as the frames come, so that few are held at a time.

import type { EncodedVideoChunk, EncodedVideoChunkMetadataJs } from '@napi-rs/webcodecs';
import type { Frame } from './frame.ts';
import { optionalPackage } from './optional-package.ts';

/** `gif` through gifenc, `webm` (VP9) and `mp4` (H.264) through `@napi-rs/webcodecs`. */
export type VideoFormat = 'gif' | 'webm' | 'mp4';

/** A video under way. */
export interface VideoEncoding {
  /** Takes the next frame, of the same shape as the first. */
  add(frame: Frame): void;
  /** The bytes of the file, once all frames are encoded. */
  finish(): Promise<Uint8Array>;
}

/**
 * Begins a video.
 *
 * @param fps frames a second. GIF keeps hundredths of a second a frame, and viewers slow down what is faster than 50 frames a second.
 * @throws DependencyNotInstalled if the package that encodes the format is not there
 */
export function encodeVideo(format: VideoFormat, fps: number): VideoEncoding {
  if (!(fps > 0 && fps <= 1000)) throw new RangeError(`fps is ${fps}, but a video has more than 0 and at most 1000`);
  return checked(format === 'gif' ? gif(fps) : film(format, fps));
}

/** An encoding that throws where a frame does not fit the first. */
function checked(encoding: VideoEncoding): VideoEncoding {
  let first: Frame['shape'] | undefined;
  return {
    add(frame) {
      first ??= frame.shape;
      if (frame.shape[0] !== first[0] || frame.shape[1] !== first[1]) {
        throw new RangeError(`A frame of shape [${frame.shape}] does not fit a video of frames of shape [${first}]`);
      }
      encoding.add(frame);
    },
    finish() {
      if (first === undefined) throw new RangeError('A video needs at least one frame');
      return encoding.finish();
    },
  };
}

/** The parts of gifenc that are used; it has no types of its own. */
interface GifEnc {
  GIFEncoder(): {
    writeFrame(
      index: Uint8Array,
      width: number,
      height: number,
      options: { readonly palette: readonly (readonly number[])[]; readonly delay: number },
    ): void;
    finish(): void;
    bytes(): Uint8Array;
  };
  quantize(rgba: Uint8Array, maxColors: number): number[][];
  applyPalette(rgba: Uint8Array, palette: readonly (readonly number[])[]): Uint8Array;
}

function gif(fps: number): VideoEncoding {
  const { GIFEncoder, quantize, applyPalette } = optionalPackage<GifEnc>('gifenc', 'GIFs are encoded by');
  const encoder = GIFEncoder();
  return {
    add(frame) {
      const [height, width] = frame.shape;
      const rgba = withAlpha(frame, width, height);
      const palette = quantize(rgba, 256);
      encoder.writeFrame(applyPalette(rgba, palette), width, height, { palette, delay: 1000 / fps });
    },
    async finish() {
      encoder.finish();
      return encoder.bytes();
    },
  };
}

function film(format: 'webm' | 'mp4', fps: number): VideoEncoding {
  type WebCodecs = typeof import('@napi-rs/webcodecs');
  const library = optionalPackage<WebCodecs>('@napi-rs/webcodecs', 'WebM and MP4 videos are encoded by');
  const codec = format === 'webm' ? 'vp09.00.31.08' : 'avc1.42001F';
  const chunks: [EncodedVideoChunk, EncodedVideoChunkMetadataJs | undefined][] = [];
  let failure: Error | undefined;
  let frames = 0;
  // Both codecs want even numbers.
  const size = { width: 0, height: 0 };
  const encoder = new library.VideoEncoder({
    output: (chunk, metadata) => chunks.push([chunk, metadata]),
    error: (error) => (failure ??= error),
  });
  return {
    add(frame) {
      const [height, width] = frame.shape;
      if (frames === 0) {
        size.width = width + (width % 2);
        size.height = height + (height % 2);
        // Half a bit a pixel and second is plenty for flat colours.
        const bitrate = Math.max(200_000, Math.round(size.width * size.height * Math.min(fps, 30) * 0.15));
        encoder.configure({ codec, ...size, bitrate, framerate: fps });
      }
      const seconds = frames / fps;
      const picture = new library.VideoFrame(withAlpha(frame, size.width, size.height), {
        format: 'RGBA',
        codedWidth: size.width,
        codedHeight: size.height,
        timestamp: Math.round(seconds * 1e6),
        duration: Math.round(1e6 / fps),
      });
      encoder.encode(picture, { keyFrame: frames % 100 === 0 });
      picture.close();
      frames++;
    },
    async finish() {
      await encoder.flush();
      encoder.close();
      if (failure !== undefined) throw failure;
      const description = chunks[0]?.[1]?.decoderConfig?.description;
      const muxer = format === 'webm' ? new library.WebMMuxer() : new library.Mp4Muxer({ fastStart: true });
      // The muxer goes by the frame rate, not by the chunks' times.
      muxer.addVideoTrack({ codec, ...size, framerate: fps, ...(description === undefined ? {} : { description }) });
      for (const [chunk, metadata] of chunks) muxer.addVideoChunk(chunk, metadata);
      return muxer.finalize();
    },
  };
}

/** `[height, width, 4]` of a frame that may be a column or a row smaller: what is missing is black. */
function withAlpha(frame: Frame, width: number, height: number): Uint8Array<ArrayBuffer> {
  const [rows, columns] = frame.shape;
  const rgba = new Uint8Array(width * height * 4);
  for (let row = 0, from = 0; row < rows; row++) {
    for (let to = row * width * 4, end = to + columns * 4; to < end; from += 3, to += 4) {
      rgba[to] = frame[from];
      rgba[to + 1] = frame[from + 1];
      rgba[to + 2] = frame[from + 2];
      rgba[to + 3] = 255;
    }
  }
  return rgba;
}
