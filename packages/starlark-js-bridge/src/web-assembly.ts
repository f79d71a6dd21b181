/** The part of the WebAssembly interface that the bridge uses: TypeScript has it only together with that of browsers. */
export interface WasmInterface {
  compile(bytes: Uint8Array): Promise<WasmModule>
  Instance: new (module: WasmModule, imports: Record<string, WasmImports>) => { readonly exports: unknown }
}

/** Compiled code; threads share it. */
export interface WasmModule {
  readonly [Symbol.toStringTag]: string
}

/** An instance's memory. `buffer` is another one after the memory has grown. */
export interface WasmMemory {
  readonly buffer: ArrayBuffer
}

/** Functions that an instance may call. Addresses and lengths are signed in JavaScript: `>>> 0` makes them what they are. */
export type WasmImports = Record<string, (...values: never[]) => number | undefined | void>

export const webAssembly = (globalThis as unknown as { WebAssembly: WasmInterface }).WebAssembly
