// Small WebAssembly programs, for the few loops in which JavaScript's numbers are too slow: no 64-bit integers, one at a time.
// Each is a readable `.wat` file, and beside it a generated file with its bytes. There is no fallback without WebAssembly.

/** A compiled program; it has no state, and so may be shared. */
export interface WasmModule {
  /** Never there: it only keeps other objects from passing for modules. */
  readonly wasmModule?: never;
}

/** Memory of instances. Views of its buffer stay valid, since no kernel of ours grows its memory. */
export interface WasmMemory {
  readonly buffer: ArrayBuffer;
}

/** What a kernel imports, by the two names in its text: functions, memories, and numbers for globals. */
export type WasmImports = Readonly<
  Record<string, Readonly<Record<string, number | WasmMemory | ((x: number) => number)>>>
>;

const PAGE_BYTES = 65_536;

// Declared here because neither ES2023 nor Node's types have it, only those of browsers.
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => WasmModule;
  readonly Instance: new (module: WasmModule, imports: WasmImports) => { readonly exports: object };
  readonly Memory: new (limits: { readonly initial: number; readonly maximum: number }) => WasmMemory;
};

/** Compiles `bytes`, given in base64, at once: meant for programs of a few kB. Do it on first use, not on import. */
export function compileKernel(bytes: string): WasmModule {
  return new WebAssembly.Module(Buffer.from(bytes, 'base64'));
}

/** Makes an instance of a kernel. `Exports` is what its text exports; that is not checked. */
export function instantiateKernel<Exports extends object>(module: WasmModule, imports: WasmImports = {}): Exports {
  return new WebAssembly.Instance(module, imports).exports as Exports;
}

/** Memory of at least `bytes` bytes, zeroed. It cannot grow. RangeError if there is none so large (4 GiB at most). */
export function kernelMemory(bytes: number): WasmMemory {
  const pages = Math.ceil(bytes / PAGE_BYTES);
  return new WebAssembly.Memory({ initial: pages, maximum: pages });
}
