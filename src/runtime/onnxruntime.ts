// ONNX Runtime through its C API: tensors are made once over our memory, results land in place, runs may be asynchronous.
// The native library is the one inside the npm package onnxruntime-node; only functions of its append-only table are used.

import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import koffi from 'koffi';
import type { Binding, BoundModel, Engine, LoadedModel, LoadOptions } from './engine.ts';
import { ONNX_TYPE } from './lowering.ts';
import { SecondThread } from './second-thread.ts';

/** The version of the C API's function table: ONNX Runtime 1.30. */
const API_VERSION = 30;

/** Bytes of all that a program computes, above which it is none of the small ones. */
const LARGE = 16e6;

/** The log level: errors come back as messages, and need not be printed too. */
const FATAL = 4;

/** The functions used, with their place in the table OrtApi (onnxruntime_c_api.h, ONNX Runtime 1.30). Pointers are addresses. */
const FUNCTIONS = {
  GetErrorMessage: [2, 'str', ['void*']],
  CreateEnv: [3, 'void*', ['int', 'str', 'void*']],
  CreateSessionFromArray: [8, 'void*', ['void*', 'void*', 'size_t', 'void*', 'void*']],
  Run: [9, 'void*', ['void*', 'void*', 'void*', 'void*', 'size_t', 'void*', 'size_t', 'void*']],
  CreateSessionOptions: [10, 'void*', ['void*']],
  CreateRunOptions: [39, 'void*', ['void*']],
  RunOptionsSetTerminate: [46, 'void*', ['void*']],
  DisableMemPattern: [17, 'void*', ['void*']],
  SetSessionLogSeverityLevel: [22, 'void*', ['void*', 'int']],
  SetSessionGraphOptimizationLevel: [23, 'void*', ['void*', 'int']],
  SetIntraOpNumThreads: [24, 'void*', ['void*', 'int']],
  AddSessionConfigEntry: [130, 'void*', ['void*', 'str', 'str']],
  CreateTensorWithDataAsOrtValue: [49, 'void*', ['void*', 'void*', 'size_t', 'void*', 'size_t', 'int', 'void*']],
  CreateCpuMemoryInfo: [69, 'void*', ['int', 'int', 'void*']],
  CreateAndRegisterAllocator: [144, 'void*', ['void*', 'void*', 'void*']],
  CreateArenaCfg: [156, 'void*', ['size_t', 'int', 'int', 'int', 'void*']],
  ReleaseStatus: [93, 'void', ['void*']],
  ReleaseSession: [95, 'void', ['void*']],
  ReleaseValue: [96, 'void', ['void*']],
  ReleaseRunOptions: [97, 'void', ['void*']],
  ReleaseSessionOptions: [100, 'void', ['void*']],
} as const;

type Address = bigint;
type Argument = Address | number | string | null | ArrayBufferView;
interface NativeFunction {
  (...args: Argument[]): Address | string | null;
  async(...args: [...Argument[], (error: Error | null, status: Address | null) => void]): void;
}
/** A session is freed once, and not under a run. */
interface LoadedSession {
  readonly session: Address;
  running: number;
  released: boolean;
}
type Api = { readonly [K in keyof typeof FUNCTIONS]: NativeFunction };

/** Opens the native library and its function table. */
export class OnnxRuntime implements Engine {
  readonly name: string;
  readonly #api: Api;
  // When koffi's library object is collected the library is unloaded under our feet.
  readonly #library: unknown;
  readonly #env: Address;
  readonly #memoryInfo: Address;
  readonly #path: string;
  readonly #run: Address;
  #second: SecondThread | undefined;

  constructor() {
    const path = libraryPath();
    this.#path = path;
    const library = koffi.load(path);
    this.#library = library;
    const base = koffi.decode(library.func('OrtGetApiBase', 'void*', [])(), koffi.array('void*', 2)) as Address[];
    const version = koffi.call(base[1], koffi.proto('str', [])) as string;
    this.name = `onnxruntime ${version}`;
    if (!version.startsWith('1.30.')) {
      throw new Error(
        `the native library ${path} is ONNX Runtime ${version}, but this release works with 1.30: install onnxruntime-node@1.30.0`,
      );
    }
    const table = koffi.call(base[0], koffi.proto('void*', ['uint32_t']), API_VERSION) as Address;
    const functions = koffi.decode(table, koffi.array('void*', 256)) as Address[];
    this.#api = openTable(functions);
    this.#run = functions[FUNCTIONS.Run[0]]!;
    this.#env = this.#out((out) => this.#api.CreateEnv(FATAL, 'gymformer', out));
    const [DEVICE_ALLOCATOR, DEFAULT_MEMORY] = [0, 0];
    this.#memoryInfo = this.#out((out) => this.#api.CreateCpuMemoryInfo(DEVICE_ALLOCATOR, DEFAULT_MEMORY, out));
    // What programs need between their nodes comes from one place, which they take turns in: each on its own would keep its peak.
    const [ARENA_ALLOCATOR, UNLIMITED, NEXT_POWER_OF_TWO, DEFAULT] = [1, 0, 0, -1];
    const arenaInfo = this.#out((out) => this.#api.CreateCpuMemoryInfo(ARENA_ALLOCATOR, DEFAULT_MEMORY, out));
    const arena = this.#out((out) => this.#api.CreateArenaCfg(UNLIMITED, NEXT_POWER_OF_TWO, DEFAULT, DEFAULT, out));
    this.#check(this.#api.CreateAndRegisterAllocator(this.#env, arenaInfo, arena));
  }

  load(model: Uint8Array, options: LoadOptions): LoadedModel {
    const sessionOptions = this.#out((out) => this.#api.CreateSessionOptions(out));
    try {
      const ALL_OPTIMIZATIONS = 99;
      this.#check(this.#api.SetSessionGraphOptimizationLevel(sessionOptions, ALL_OPTIMIZATIONS));
      this.#check(this.#api.SetSessionLogSeverityLevel(sessionOptions, FATAL));
      // Only the first session of a process decides; without it denormal numbers slow products 150 times.
      this.#check(this.#api.AddSessionConfigEntry(sessionOptions, 'session.set_denormal_as_zero', '1'));
      // Fusing chains of scaled products drops nodes that others still read: "Node input is not an output of a previous node".
      this.#check(
        this.#api.AddSessionConfigEntry(
          sessionOptions,
          'optimization.disable_specified_optimizers',
          'MatMulScaleFusion',
        ),
      );
      // Planning all results of a run as one block makes small programs 6 % faster; large ones it gives nothing but half as much memory
      // again, up to twice as much.
      this.#check(this.#api.AddSessionConfigEntry(sessionOptions, 'session.use_env_allocators', '1'));
      if (options.threads !== 1 || options.bytes > LARGE) this.#check(this.#api.DisableMemPattern(sessionOptions));
      this.#check(this.#api.SetIntraOpNumThreads(sessionOptions, options.threads));
      // A program's threads look for work while it runs; left to themselves they would go on for 20 ms after it, and take the cores from
      // whoever works then.
      this.#check(this.#api.AddSessionConfigEntry(sessionOptions, 'session.force_spinning_stop', '1'));
      const session = this.#out((out) =>
        this.#api.CreateSessionFromArray(this.#env, model, model.byteLength, sessionOptions, out),
      );
      const loaded: LoadedSession = { session, running: 0, released: false };
      return {
        bind: (inputs, outputs) => this.#bind(loaded, inputs, outputs),
        release: () => {
          if (loaded.running > 0) {
            throw new Error('this program is still running: wait for its promise before it is disposed');
          }
          if (loaded.released) return;
          loaded.released = true;
          this.#api.ReleaseSession(session);
        },
      };
    } finally {
      this.#api.ReleaseSessionOptions(sessionOptions);
    }
  }

  #bind(loaded: LoadedSession, inputs: readonly Binding[], outputs: readonly Binding[]): BoundModel {
    if (loaded.released) throw new Error('this program has been disposed and cannot be bound');
    const api = this.#api;
    const check = (status: Address | string | null): void => this.#check(status);
    const runOptions = (): Address => this.#out((out) => api.CreateRunOptions(out));
    const second = (): SecondThread => (this.#second ??= new SecondThread(this.#path, this.#run));
    const values: Address[] = [];
    const memory = [...inputs, ...outputs];
    for (const binding of memory) values.push(this.#tensor(binding));
    const inputNames = new NameArray(inputs.map(({ name }) => name));
    const outputNames = new NameArray(outputs.map(({ name }) => name));
    const inputValues = pointerArray(values.slice(0, inputs.length));
    const outputValues = pointerArray(values.slice(inputs.length));
    const args = [
      inputNames.pointers,
      inputValues,
      inputs.length,
      outputNames.pointers,
      outputs.length,
      outputValues,
    ] as const;
    const addresses = [
      loaded.session,
      0n,
      koffi.address(inputNames.pointers),
      koffi.address(inputValues),
      BigInt(inputs.length),
      koffi.address(outputNames.pointers),
      BigInt(outputs.length),
      koffi.address(outputValues),
    ];
    let running = false;
    let released = false;
    const begin = (): void => {
      if (released || loaded.released) throw new Error('this program has been disposed and cannot run again');
      if (running) throw new Error('this program is still running: wait for its promise before the next run');
    };
    return {
      run() {
        begin();
        check(api.Run(loaded.session, null, ...args));
      },
      runBeside(other) {
        begin();
        const thread = second();
        thread.begin(addresses);
        try {
          other.run();
        } finally {
          check(thread.takeBack() ? api.Run(loaded.session, null, ...args) : thread.wait());
        }
      },
      runAsync(signal) {
        begin();
        running = true;
        loaded.running++;
        const options = signal === undefined ? null : runOptions();
        const terminate = (): void => check(api.RunOptionsSetTerminate(options));
        signal?.addEventListener('abort', terminate);
        return new Promise((resolve, reject) => {
          api.Run.async(loaded.session, options, ...args, (error, status) => {
            running = false;
            loaded.running--;
            signal?.removeEventListener('abort', terminate);
            if (options !== null) api.ReleaseRunOptions(options);
            try {
              if (error) throw error;
              check(status);
              resolve();
            } catch (failure) {
              reject(signal?.aborted === true ? (signal.reason as Error) : (failure as Error));
            }
          });
        });
      },
      release() {
        if (running) throw new Error('this program is still running: wait for its promise before it is disposed');
        if (released) return;
        released = true;
        for (const value of values) api.ReleaseValue(value);
        // Named here so that they live as long as the binding: native code holds their addresses.
        inputNames.keep();
        outputNames.keep();
        memory.length = 0;
      },
    };
  }

  #tensor({ data, shape, dtype }: Binding): Address {
    const dimensions = new BigInt64Array(new ArrayBuffer(Math.max(8, 8 * shape.length)));
    dimensions.set(shape.map(BigInt));
    return this.#out((out) =>
      this.#api.CreateTensorWithDataAsOrtValue(
        this.#memoryInfo,
        data.byteLength === 0 ? EMPTY : data,
        data.byteLength,
        dimensions,
        shape.length,
        ONNX_TYPE[dtype],
        out,
      ),
    );
  }

  /** Calls a function whose last argument is where it writes the address of what it made. */
  #out(call: (out: BigUint64Array) => Address | string | null): Address {
    const out = new BigUint64Array(new ArrayBuffer(8));
    this.#check(call(out));
    return out[0]!;
  }

  #check(status: Address | string | null): void {
    if (status === null) return;
    const message = this.#api.GetErrorMessage(status as Address) as string;
    this.#api.ReleaseStatus(status as Address);
    void this.#library;
    throw new Error(`ONNX Runtime: ${message}`);
  }
}

const EMPTY = new Uint8Array(new ArrayBuffer(64));

/** Addresses in memory that stays where it is: V8 moves small typed arrays unless they are made over a buffer. */
function pointerArray(addresses: readonly Address[]): BigUint64Array {
  const array = new BigUint64Array(new ArrayBuffer(Math.max(8, 8 * addresses.length)));
  array.set(addresses);
  return array;
}

/** A native array of pointers to names. */
class NameArray {
  readonly pointers: BigUint64Array;
  readonly #texts: readonly Uint8Array[];

  constructor(names: readonly string[]) {
    this.#texts = names.map((name) => {
      const text = new Uint8Array(new ArrayBuffer(name.length + 1));
      text.set(new TextEncoder().encode(name));
      return text;
    });
    this.pointers = pointerArray(this.#texts.map((text) => koffi.address(text)));
  }

  keep(): number {
    return this.#texts.length;
  }
}

function openTable(pointers: readonly Address[]): Api {
  const entries = Object.entries(FUNCTIONS).map(([name, [index, result, parameters]]) => {
    const proto = koffi.proto(result, [...parameters]);
    return [name, koffi.decode(pointers[index], proto) as NativeFunction] as const;
  });
  return Object.fromEntries(entries) as unknown as Api;
}

function libraryPath(): string {
  const require = createRequire(import.meta.url);
  let root: string;
  try {
    root = dirname(require.resolve('onnxruntime-node/package.json'));
  } catch {
    throw new Error("the package onnxruntime-node is missing: run 'npm install' (see README, Installation)");
  }
  const file = { linux: 'libonnxruntime.so.1', darwin: 'libonnxruntime.1.30.0.dylib', win32: 'onnxruntime.dll' }[
    process.platform as string
  ];
  const folder = join(root, 'bin', 'napi-v6', process.platform, process.arch);
  if (file === undefined || !existsSync(join(folder, file))) {
    throw new Error(
      `ONNX Runtime has no library for ${process.platform} on ${process.arch} (looked for ${file ?? 'one'} in ${folder}); ` +
        'there are some for Linux (x64, arm64, glibc), macOS (arm64) and Windows (x64, arm64)',
    );
  }
  return join(folder, file);
}
