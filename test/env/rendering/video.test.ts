// Videos are read back by decoders that this project did not write.

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ImageDecoder, Mp4Demuxer, VideoDecoder, type VideoFrame, WebMDemuxer } from '@napi-rs/webcodecs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Frame, frameOf, make, saveVideo } from '../../../src/env/index.ts';
import { VideoFile } from '../../../src/env/rendering/video-file.ts';
import { cappedCubicVideoSchedule } from '../../../src/env/rendering/index.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'gymformer-videos-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function cartPoleFrames(count: number): Frame[] {
  const env = make('CartPole-v1', { renderMode: 'rgb_array_list', maxEpisodeSteps: -1 });
  env.reset({ seed: 2 });
  for (let step = 1; step < count; step++) env.step(step % 2);
  return env.render() as Frame[];
}

async function pixelsOf(picture: VideoFrame): Promise<Uint8Array> {
  const rgba = new Uint8Array(picture.codedWidth * picture.codedHeight * 4);
  await picture.copyTo(rgba, { format: 'RGBA' });
  return rgba;
}

/** The mean difference of two pictures' colours, 0 to 255. */
function difference(rgba: Uint8Array, frame: Frame): number {
  let sum = 0;
  for (let i = 0; i < frame.length; i++) {
    sum += Math.abs(frame[i]! - rgba[Math.floor(i / 3) * 4 + (i % 3)]!);
  }
  return sum / frame.length;
}

test('a GIF has the frames that went in, and their delay', async () => {
  const frames = cartPoleFrames(12);
  const save = async (some: readonly Frame[]): Promise<Buffer> => {
    const file = new VideoFile(join(folder, 'cart.gif'), 50);
    for (const frame of some) file.add(frame);
    return readFileSync(await file.save());
  };
  // The decoder sees the first frame of a GIF alone, so each is the first once.
  for (const first of [0, 6, 11]) {
    const decoder = new ImageDecoder({ data: await save(frames.slice(first)), type: 'image/gif' });
    const { image } = await decoder.decode();
    expect([image.codedHeight, image.codedWidth]).toEqual([400, 600]);
    expect(difference(await pixelsOf(image), frames[first]!)).toBeLessThan(1);
  }
  // A graphic control extension a frame, whose delay counts hundredths of a second.
  const bytes = await save(frames);
  const delays = [...bytes.keys()]
    .filter((i) => bytes[i] === 0x21 && bytes[i + 1] === 0xf9 && bytes[i + 2] === 4 && bytes[i + 7] === 0)
    .map((i) => bytes.readUInt16LE(i + 4));
  expect(delays).toEqual(Array(12).fill(2));
});

test.each([
  ['webm', WebMDemuxer],
  ['mp4', Mp4Demuxer],
] as const)('a %s has the frames that went in, at their times', async (format, Demuxer) => {
  const frames = cartPoleFrames(20);
  const [path] = await saveVideo(frames, folder, { fps: 50, format, namePrefix: 'film' });
  expect(path).toBe(join(folder, `film-episode-0.${format}`));
  const pictures: VideoFrame[] = [];
  const problems: unknown[] = [];
  const decoder = new VideoDecoder({ output: (picture) => pictures.push(picture), error: (e) => problems.push(e) });
  const demuxer = new Demuxer({ videoOutput: (chunk) => decoder.decode(chunk), error: (e) => problems.push(e) });
  await demuxer.load(path!);
  const config = demuxer.videoDecoderConfig!;
  expect([config.codedHeight, config.codedWidth]).toEqual([400, 600]);
  decoder.configure(config);
  await demuxer.demuxAsync();
  await decoder.flush();
  expect(problems).toEqual([]);
  expect(pictures).toHaveLength(20);
  pictures.forEach(({ timestamp }, i) => expect(Math.abs(timestamp - i * 20_000)).toBeLessThan(1000));
  for (const i of [0, 10, 19]) expect(difference(await pixelsOf(pictures[i]!), frames[i]!)).toBeLessThan(2);
});

test('odd sizes get a row and a column more', async () => {
  const frame = frameOf(new Uint8Array(31 * 33 * 3).fill(200), 31, 33);
  const [path] = await saveVideo([frame, frame], folder, { fps: 10, namePrefix: 'odd' });
  const demuxer = new WebMDemuxer({ videoOutput: () => {}, error: () => {} });
  await demuxer.load(path!);
  expect([demuxer.videoDecoderConfig?.codedHeight, demuxer.videoDecoderConfig?.codedWidth]).toEqual([32, 34]);
});

test('saveVideo saves what its triggers say', async () => {
  const frames = Array.from({ length: 11 }, (_, i) => frameOf(new Uint8Array(12).fill(i), 2, 2));
  const options = { fps: 4, format: 'gif' } as const;
  expect(await saveVideo(frames, join(folder, 'none'), { ...options, episodeIndex: 5 })).toEqual([]);
  // The frames after steps 3 and 8 of an episode whose first step is the 100th.
  const stepTrigger = (step: number) => step % 5 === 3;
  await saveVideo(frames, join(folder, 'some'), { ...options, stepTrigger, stepStartingIndex: 100, videoLength: 3 });
  expect(readdirSync(join(folder, 'some')).sort()).toEqual(['rl-video-step-103.gif', 'rl-video-step-108.gif']);
});

test('recordings come at cubes, and then at thousands', () => {
  const recorded = Array.from({ length: 3001 }, (_, i) => i).filter(cappedCubicVideoSchedule);
  expect(recorded).toEqual([0, 1, 8, 27, 64, 125, 216, 343, 512, 729, 1000, 2000, 3000]);
});

test('what is no video is refused', async () => {
  const frame = frameOf(new Uint8Array(12), 2, 2);
  expect(() => new VideoFile(join(folder, 'x.avi'), 10)).toThrow('it must end in .gif, .webm or .mp4');
  expect(() => new VideoFile(join(folder, 'x.gif'), 0)).toThrow('fps is 0');
  const file = new VideoFile(join(folder, 'x.gif'), 10);
  await expect(async () => file.save()).rejects.toThrow('at least one frame');
  file.add(frame);
  expect(() => file.add(frameOf(new Uint8Array(24), 2, 4))).toThrow('A frame of shape [2,4,3] does not fit');
  expect(readdirSync(folder)).not.toContain('x.gif');
});
