import { randomBytes } from 'node:crypto'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Canary } from '@pharos/contracts'
import { pharosHome, sampleDatabases } from '@pharos/test-kit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasScanners, type PharosStack, startPharos } from './harness/pharos-stack.js'

/** curl of Debian 12: the first sample database knows of CVE-2023-38546, from the next one it was withdrawn. */
const canary: Canary = {
  expectations: [
    {
      package: 'curl',
      version: '7.88.1-10+deb12u1',
      input: {
        v: 1,
        package: {
          type: 'deb',
          name: 'curl',
          version: '7.88.1-10+deb12u1',
          distro: { type: 'debian', version: '12', codename: 'bookworm' },
        },
      },
      nativeId: 'CVE-2023-38546',
      namespace: 'debian:distro:debian:12',
    },
  ],
}

let pharos: PharosStack
let file: string
describe.skipIf(!hasScanners)('the canary', () => {
  beforeAll(async () => {
    file = join(pharosHome(), 'test', `canary-${randomBytes(5).toString('hex')}.json`)
    await writeFile(file, JSON.stringify(canary))
    pharos = await startPharos({ environment: { scheduler: { PHAROS_CANARY: file } } })
  })
  afterAll(async () => {
    await pharos?.close()
    await rm(file, { force: true })
  })

  it('lets a database judge the fleet that finds it, and keeps out one that does not: the old one stays', async () => {
    const first = await pharos.api.importDatabase(await archive('current'))
    expect(first.state).toBe('active')
    const second = await pharos.api.importDatabase(await archive('next'))
    expect(second).toMatchObject({
      state: 'refused',
      problem: 'The canary misses CVE-2023-38546 of curl 7.88.1-10+deb12u1 of 1 that the database must find.',
    })
    expect((await pharos.api.database(({ state }) => state === 'active')).id).toBe(first.id)
  })
})

async function archive(edition: 'current' | 'next'): Promise<Buffer> {
  const found = await sampleDatabases(edition)
  if (!found.isAvailable) throw new Error(found.reason)
  return readFile(found.value.grype.archivePath)
}
