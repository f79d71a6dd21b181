const MEMORY_SECTION = 5
const PAGE_BYTES = 65_536

/** A number of the binary format: 7 bits a byte, the last without the high bit. */
function readNumber(bytes: Uint8Array, at: number): { value: number; next: number } {
  let value = 0
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[at++] ?? 0
    value += (byte & 0x7f) * 2 ** shift
    if (byte < 0x80) return { value, next: at }
  }
}

function writeNumber(value: number): number[] {
  const bytes: number[] = []
  for (let rest = value; ; ) {
    const byte = rest % 128
    rest = Math.floor(rest / 128)
    bytes.push(rest === 0 ? byte : byte | 0x80)
    if (rest === 0) return bytes
  }
}

/**
 * Gives the module's memory a maximum. Go's linker writes none and has no flag for it, and no limit of a worker thread holds for
 * WebAssembly memory.
 * @throws RangeError when the module asks for more than that from the start.
 */
export function limitMemory(module: Uint8Array, memoryMb: number): Uint8Array<ArrayBuffer> {
  const most = (memoryMb * 1024 * 1024) / PAGE_BYTES
  for (let at = 8; at < module.length; ) {
    const id = module[at]
    const size = readNumber(module, at + 1)
    const end = size.next + size.value
    if (id === MEMORY_SECTION) {
      const count = readNumber(module, size.next)
      const least = readNumber(module, count.next + 1)
      if (count.value !== 1) throw new RangeError('the module has no memory, or several')
      if (least.value > most) throw new RangeError(`the engines need at least ${Math.ceil((least.value * PAGE_BYTES) / 1024 ** 2)} MB`)
      // One memory, with a maximum.
      const body = [1, 1, ...writeNumber(least.value), ...writeNumber(most)]
      const section = [MEMORY_SECTION, ...writeNumber(body.length), ...body]
      const patched = new Uint8Array(at + section.length + module.length - end)
      patched.set(module.subarray(0, at))
      patched.set(section, at)
      patched.set(module.subarray(end), at + section.length)
      return patched
    }
    at = end
  }
  throw new RangeError('the module has no memory, or several')
}
