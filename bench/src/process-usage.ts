import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

/** CPU and memory of processes are read from /proc, so benchmarks run on Linux. */
interface ProcessFacts {
  pid: number
  parent: number
  /** Own time and that of children that have ended and were waited for, in clock ticks. */
  ticks: number
}

const ticksPerSecond = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))

/** Memory of processes. Pages that several processes share count in full for each in `rssBytes`, in parts in `pssBytes`. */
export interface Memory {
  rssBytes: number
  pssBytes: number
}

/**
 * CPU time of processes and all their descendants, in milliseconds: of the living, and of the dead that their parents have
 * waited for. A difference of two readings is the time spent between them.
 */
export function cpuMs(roots: readonly number[]): number {
  const ticks = trees(roots).reduce((sum, facts) => sum + facts.ticks, 0)
  return (ticks * 1000) / ticksPerSecond
}

/** Processes and all their descendants that live now. */
export function processTree(roots: readonly number[]): number[] {
  return trees(roots).map(({ pid }) => pid)
}

/** CPU time of children that this process has started and waited for, in milliseconds. */
export function endedChildrenCpuMs(): number {
  const fields = statFields('self')
  return ((Number(fields[13]) + Number(fields[14])) * 1000) / ticksPerSecond
}

/** Memory of processes and all their descendants at this moment. */
export function memoryOf(roots: readonly number[]): Memory {
  const memory = { rssBytes: 0, pssBytes: 0 }
  for (const { pid } of trees(roots)) {
    const text = readOfLiving(`/proc/${pid}/smaps_rollup`)
    memory.rssBytes += kilobytes(text, 'Rss') * 1024
    memory.pssBytes += kilobytes(text, 'Pss') * 1024
  }
  return memory
}

/** Watches the memory of process trees; `stop` answers the most that was seen at one moment. */
export function watchMemory(roots: () => readonly number[], everyMs = 250): { stop(): Memory } {
  const peak: Memory = { rssBytes: 0, pssBytes: 0 }
  const look = (): void => {
    const now = memoryOf(roots())
    peak.rssBytes = Math.max(peak.rssBytes, now.rssBytes)
    peak.pssBytes = Math.max(peak.pssBytes, now.pssBytes)
  }
  look()
  const timer = setInterval(look, everyMs)
  return {
    stop: () => {
      clearInterval(timer)
      return peak
    },
  }
}

/** Processes with all their descendants that live now. */
function trees(roots: readonly number[]): ProcessFacts[] {
  const all = readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? (factsOf(Number(name)) ?? []) : []))
  const childrenOf = new Map<number, ProcessFacts[]>()
  for (const facts of all) childrenOf.set(facts.parent, [...(childrenOf.get(facts.parent) ?? []), facts])
  const found = new Map<number, ProcessFacts>()
  const queue = all.filter(({ pid }) => roots.includes(pid))
  for (let facts = queue.pop(); facts !== undefined; facts = queue.pop()) {
    if (found.has(facts.pid)) continue
    found.set(facts.pid, facts)
    queue.push(...(childrenOf.get(facts.pid) ?? []))
  }
  return [...found.values()]
}

function factsOf(pid: number): ProcessFacts | undefined {
  const fields = statFields(String(pid))
  if (fields.length === 0) return undefined
  return { pid, parent: Number(fields[1]), ticks: [11, 12, 13, 14].reduce((sum, index) => sum + Number(fields[index]), 0) }
}

/** Fields of a process's stat from its state on; the name before them may hold spaces and brackets. */
function statFields(pid: string): string[] {
  const text = readOfLiving(`/proc/${pid}/stat`)
  return text === '' ? [] : text.slice(text.lastIndexOf(')') + 2).split(' ')
}

/** A file of /proc, or '' when its process has ended in the meantime. */
function readOfLiving(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes(String((error as NodeJS.ErrnoException).code))) return ''
    throw error
  }
}

function kilobytes(text: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0)
}
