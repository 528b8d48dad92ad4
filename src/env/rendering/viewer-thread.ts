// The thread behind the render mode `human`: it serves the page while the program's own thread steps and waits.

import { parentPort, workerData } from 'node:worker_threads';
import { type ViewerFacts, type ViewerFrame, ViewerServer } from './viewer-server.ts';

const { facts, signals } = workerData as { readonly facts: ViewerFacts; readonly signals: Int32Array };

const viewer = await ViewerServer.start(facts, {
  onViewers(count) {
    Atomics.store(signals, 1, count);
    Atomics.notify(signals, 1);
  },
});
Atomics.store(signals, 0, viewer.port);
Atomics.notify(signals, 0);
parentPort?.on('message', (frame: ViewerFrame | null) => {
  if (frame !== null) return viewer.show(frame);
  void viewer.close().then(() => parentPort?.close());
});
