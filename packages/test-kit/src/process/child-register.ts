import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pharosHome } from '../paths.js'
import { endProcess, identifyProcess, isAlive, type ProcessIdentity } from '../../plain/process-identity.mjs'

interface ChildRecord {
  owner: ProcessIdentity
  child: ProcessIdentity
  /** A folder that is removed with the child. */
  directory?: string
}

function registerDirectory(): string {
  const directory = join(pharosHome(), 'test', 'children')
  mkdirSync(directory, { recursive: true })
  return directory
}

/**
 * Notes a server that a test started, so that it can be ended by the next run when the test is killed.
 * Returns the function that forgets it again.
 */
export function registerChild(pid: number, directory?: string): () => void {
  const child = identifyProcess(pid)
  const record: ChildRecord = { owner: identifyProcess(), child, ...(directory === undefined ? {} : { directory }) }
  const path = join(registerDirectory(), `${child.pid}-${child.startedAt}.json`)
  // Appears whole: another process that tidies up takes what it cannot read for the record of a dead one.
  writeFileSync(`${path}.new`, JSON.stringify(record))
  renameSync(`${path}.new`, path)
  return () => rmSync(path, { force: true })
}

/** Ends every registered server whose owner is gone, and removes its folder; answers how many there were. */
export async function endOrphans(): Promise<number> {
  const directory = registerDirectory()
  let count = 0
  for (const name of readdirSync(directory).filter((entry) => entry.endsWith('.json'))) {
    const path = join(directory, name)
    const record = readRecord(path)
    if (record && isAlive(record.owner)) continue
    if (record) {
      await endProcess(record.child, 'SIGTERM', 2_000)
      if (record.directory !== undefined) rmSync(record.directory, { recursive: true, force: true })
    }
    rmSync(path, { force: true })
    count += 1
  }
  return count
}

function readRecord(path: string): ChildRecord | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as ChildRecord
  } catch {
    // Removed by its owner a moment ago: nothing to end either way.
    return undefined
  }
}
