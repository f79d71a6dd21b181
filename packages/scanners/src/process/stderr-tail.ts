/** How much of a tool's error output is kept: enough for the last messages, never a flood. */
export const stderrTailLimitBytes = 8 * 1024

// oxlint-disable-next-line no-control-regex -- the escape character is what is looked for
const ansiSequence = /\u001b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\u0007]*(?:\u0007|\u001b\\)|[@-Z\\-_])/g

/** Removes terminal escapes and control characters that a tool prints for people. */
export function withoutAnsi(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what is removed
  return text.replace(ansiSequence, '').replace(/[\u0000-\u0008\u000b-\u001f\u007f]/g, '')
}

/** Keeps the end of a stream of text. */
export class StderrTail {
  private chunks: Buffer[] = []
  private sizeBytes = 0

  add(chunk: Buffer): void {
    this.chunks.push(chunk)
    this.sizeBytes += chunk.length
    while (this.sizeBytes > 2 * stderrTailLimitBytes && this.chunks.length > 1) this.sizeBytes -= this.chunks.shift()?.length ?? 0
  }

  /** The kept end without terminal escapes, at most 8 KiB. */
  text(): string {
    const all = Buffer.concat(this.chunks)
    return withoutAnsi(all.subarray(Math.max(0, all.length - stderrTailLimitBytes)).toString('utf8')).trim()
  }

  /** The last lines, for the detail of an error. */
  lastLines(limitCharacters = 600): string {
    const text = this.text()
    return text.length <= limitCharacters ? text : `…${text.slice(-limitCharacters)}`
  }
}
