import { PassThrough, type Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { PharosError } from '@pharos/contracts'

const newline = 0x0a
/** Read ahead while scripts run: results-service does not wait for them with an open query. */
const readAheadBytes = 32 * 1024 ** 2

/**
 * Lines of an answer as they come, without their ends. A line of more than `limitBytes` ends it.
 * @throws PharosError `upstream-unavailable` when the answer breaks off
 */
export async function* payloadLines(body: Readable, limitBytes: number): AsyncGenerator<Buffer, void, undefined> {
  const ahead = new PassThrough({ highWaterMark: readAheadBytes })
  const read = pipeline(body, ahead)
  // What goes wrong is told by reading; without this a reader that left early would leave a rejection behind.
  read.catch(() => undefined)
  let parts: Buffer[] = []
  let heldBytes = 0
  try {
    for await (const chunk of ahead as AsyncIterable<Buffer>) {
      for (let from = 0; from < chunk.length; ) {
        const end = chunk.indexOf(newline, from)
        const part = chunk.subarray(from, end === -1 ? chunk.length : end)
        parts.push(part)
        heldBytes += part.length
        from += part.length + 1
        if (heldBytes > limitBytes)
          throw new PharosError('internal-error', `A payload is larger than the ${limitBytes} bytes that are read.`)
        if (end === -1) continue
        yield Buffer.concat(parts)
        parts = []
        heldBytes = 0
      }
    }
  } catch (error) {
    if (error instanceof PharosError) throw error
    throw new PharosError('upstream-unavailable', 'The answer of results-service broke off.', { cause: error })
  } finally {
    body.destroy()
    ahead.destroy()
  }
  if (heldBytes > 0) throw new PharosError('upstream-unavailable', 'The answer of results-service broke off in the middle of a line.')
}
