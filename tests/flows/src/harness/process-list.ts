import { readdirSync, readFileSync } from 'node:fs'

/** A running process of this machine. */
export interface ListedProcess {
  pid: number
  parentPid: number
  /** Name of the program. */
  name: string
  /** Its command line, as every user of the machine can read it. */
  commandLine: string
}

/** Every process of this machine. */
function listProcesses(): ListedProcess[] {
  return readdirSync('/proc').flatMap((entry) => {
    if (!/^\d+$/.test(entry)) return []
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, 'utf8')
      const afterName = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      if (afterName[0] === 'Z') return []
      return {
        pid: Number(entry),
        parentPid: Number(afterName[1]),
        name: stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')')),
        commandLine: readFileSync(`/proc/${entry}/cmdline`, 'utf8').replaceAll('\0', ' ').trim(),
      }
    } catch {
      // It ended between being listed and being read.
      return []
    }
  })
}

/** A process and everything that it started. */
export function familyOf(pid: number): ListedProcess[] {
  const all = listProcesses()
  const family = new Set([pid])
  for (let size = 0; size !== family.size; ) {
    size = family.size
    for (const { pid: child, parentPid } of all) if (family.has(parentPid)) family.add(child)
  }
  return all.filter((process) => family.has(process.pid))
}

/** Processes that were started with this text in their environment, e.g. a home folder. */
export function processesWith(text: string): ListedProcess[] {
  return listProcesses().filter(({ pid }) => {
    try {
      return readFileSync(`/proc/${pid}/environ`, 'utf8').includes(text)
    } catch {
      // It ended, or belongs to somebody else.
      return false
    }
  })
}
