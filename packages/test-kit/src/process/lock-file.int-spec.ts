import { spawnSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { lockHolder, takeLock, withLock } from '../../plain/lock-file.mjs'
import { identifyProcess } from '../../plain/process-identity.mjs'

describe('a lock file', () => {
  let directory: string
  let path: string
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'pharos-lock-'))
    path = join(directory, 'lock')
  })
  afterEach(() => rm(directory, { recursive: true }))

  it('lets one at a time through', async () => {
    let inside = 0
    let most = 0
    const work = async (): Promise<void> => {
      inside += 1
      most = Math.max(most, inside)
      await new Promise((resolve) => setImmediate(resolve))
      inside -= 1
    }
    await Promise.all([1, 2, 3, 4].map(() => withLock(path, work)))
    expect(most).toBe(1)
  })

  it('is not given to a second one, who learns of that in time', async () => {
    const release = await takeLock(path, 0)
    expect(await takeLock(path, 50)).toBeUndefined()
    expect(lockHolder(path)).toEqual(identifyProcess())
    release?.()
    expect(lockHolder(path)).toBeUndefined()
  })

  it('is taken over from a process that was killed while it held it', async () => {
    const module = new URL('../../plain/lock-file.mjs', import.meta.url).href
    const code = `import { takeLock } from ${JSON.stringify(module)}; await takeLock(${JSON.stringify(path)}, 0); process.kill(process.pid, 'SIGKILL')`
    spawnSync(process.execPath, ['--input-type=module', '-e', code])
    expect(await takeLock(path, 1_000)).toBeTypeOf('function')
  })

  it('is taken over when its number belongs to another process by now', async () => {
    await writeFile(path, JSON.stringify({ pid: process.pid, startedAt: 'long ago' }))
    expect(await takeLock(path, 1_000)).toBeTypeOf('function')
  })

  it('is given back when the work fails', async () => {
    await expect(withLock(path, () => Promise.reject(new Error('broken')))).rejects.toThrow('broken')
    expect(lockHolder(path)).toBeUndefined()
  })
})
