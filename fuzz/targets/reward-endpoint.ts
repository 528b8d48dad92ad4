// What a server that rates texts answers.

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { askEndpoint, endpointSettings } from '../../src/env/text/rlhf/reward-endpoint.ts';
import { bytesOf, type Target } from '../target.ts';

let answer: Uint8Array = new Uint8Array();
let url = '';

const target: Target = {
  words: ['"rewards"', 'NaN', '1e999', '"0.5"', '[[0.5]]', 'null'],
  // The run that asked says the rest: which update, and where what was learned is saved.
  refusals: [Error],
  async prepare() {
    const server = createServer((request, response) => {
      request.resume();
      response.end(answer);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    server.unref();
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  },
  seeds: () => [bytesOf({ rewards: [0.5, -1] })],
  async read(bytes) {
    answer = bytes;
    const settings = endpointSettings({ url, retries: 0, timeoutMs: 2000 });
    const texts = [
      { prompt: 'a', completion: 'b' },
      { prompt: 'c', completion: 'd' },
    ];
    const rewards = await askEndpoint(settings, texts as never);
    if (rewards.length !== 2 || !rewards.every(Number.isFinite))
      throw new TypeError(`took ${JSON.stringify(rewards)} for rewards`);
  },
};
export default target;
