import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { scratchDirectory } from '../__tests__/fake-program.js'
import { WorkDirectories } from './work-directories.js'

describe('work directories', () => {
  it('of a dead process, and of another one with the same pid, are removed; our own stay', async () => {
    const root = await scratchDirectory()
    const dead = spawnSync(process.execPath, ['-e', '']).pid
    await mkdir(join(root, `${dead}-12345`, 'left'), { recursive: true })
    await mkdir(join(root, `${process.pid}-1`), { recursive: true })
    await mkdir(join(root, 'something-else'), { recursive: true })
    const directories = new WorkDirectories(root)
    const own = await directories.create('scan')
    expect(await directories.removeStale()).toBe(2)
    expect(existsSync(own)).toBe(true)
    expect((await readdir(root)).length).toBe(2)
    await directories.close()
    expect(existsSync(own)).toBe(false)
  })
})
