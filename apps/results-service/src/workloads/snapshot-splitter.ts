import { PharosError } from '@pharos/contracts'

/** Longest workload or head, characters. */
const partLimit = 64 * 1024

/** Cuts a snapshot into its head and its workloads while it comes in, so that it never stands in memory as a whole. */
export interface SnapshotSplitter {
  /** Takes the next piece of text and returns the workloads that are complete, each as JSON text. */
  push(text: string): string[]
  /** Ends the text: the last workloads, and the head as JSON text. */
  end(): { readonly workloads: string[]; readonly head: string }
}

function requirePart(length: number): void {
  if (length > partLimit) throw new PharosError('request-too-large', `A workload or the head has at most ${partLimit} characters.`)
}

/** Lines: the first one is the head, each further one a workload; empty lines are none. */
export class LineSplitter implements SnapshotSplitter {
  private rest = ''
  private head: string | null = null

  push(text: string): string[] {
    const lines = (this.rest + text).split('\n')
    this.rest = lines.pop() ?? ''
    requirePart(this.rest.length)
    return lines.flatMap((line) => this.take(line))
  }

  end(): { workloads: string[]; head: string } {
    const workloads = this.take(this.rest)
    this.rest = ''
    return { workloads, head: this.head ?? '' }
  }

  private take(line: string): string[] {
    if (line.trim() === '') return []
    requirePart(line.length)
    if (this.head !== null) return [line]
    this.head = line
    return []
  }
}

const quote = 0x22
const backslash = 0x5c

const openers = new Set([0x5b, 0x7b])
const closers = new Set([0x5d, 0x7d])
const openBracket = 0x5b
const comma = 0x2c

/**
 * One JSON object: the elements of the array at its key `workloads` are cut out, and the rest is the head, with an empty
 * array in their place. Only brackets and strings are followed; whether the parts are JSON is found when they are parsed.
 */
export class ObjectSplitter implements SnapshotSplitter {
  private depth = 0
  private isInString = false
  private isEscaped = false
  private isInWorkloads = false
  private isElementDue = false
  private element = ''
  private head = ''
  /** The last string in the outermost object: before a bracket it can only be the key. */
  private lastString = ''

  push(text: string): string[] {
    const found: string[] = []
    let from = 0
    for (let at = 0; at < text.length; at += 1) {
      const code = text.charCodeAt(at)
      if (this.isInString || code === quote) this.followString(code, text[at] ?? '')
      else if (openers.has(code)) {
        this.depth += 1
        if (code !== openBracket || this.depth !== 2 || this.lastString !== '"workloads"') continue
        this.head += text.slice(from, at + 1)
        from = at + 1
        this.isInWorkloads = true
        this.lastString = ''
      } else if (closers.has(code)) {
        this.depth -= 1
        if (!this.isInWorkloads || this.depth !== 1) continue
        this.finish(text.slice(from, at), true, found)
        from = at
        this.isInWorkloads = false
      } else if (code === comma && this.isInWorkloads && this.depth === 2) {
        this.finish(text.slice(from, at), false, found)
        from = at + 1
      }
    }
    if (this.isInWorkloads) this.element += text.slice(from)
    else this.head += text.slice(from)
    requirePart(Math.max(this.element.length, this.head.length))
    return found
  }

  end(): { workloads: string[]; head: string } {
    return { workloads: [], head: this.isInWorkloads ? '' : this.head }
  }

  private followString(code: number, character: string): void {
    const isOutermost = this.depth === 1
    if (!this.isInString) {
      this.isInString = true
      if (isOutermost) this.lastString = character
      return
    }
    if (isOutermost) this.lastString += character
    if (this.isEscaped) this.isEscaped = false
    else if (code === backslash) this.isEscaped = true
    else if (code === quote) this.isInString = false
  }

  private finish(tail: string, isLast: boolean, found: string[]): void {
    const element = this.element + tail
    this.element = ''
    requirePart(element.length)
    if (element.trim() !== '') found.push(element)
    else if (!isLast || this.isElementDue) throw new PharosError('json-invalid', 'The array workloads has an empty place.')
    this.isElementDue = !isLast
  }
}
