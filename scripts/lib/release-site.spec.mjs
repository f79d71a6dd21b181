import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { scannerReleases } from '../scanners.mjs'
import { installRelease } from './scanner-release.mjs'

/** Whether the real site gives the releases' lists of checksums to this machine. */
async function isReachable() {
  try {
    const [{ name, repository, version }] = scannerReleases()
    const url = `https://github.com/${repository}/releases/download/v${version}/${name}_${version}_checksums.txt`
    return (await fetch(url, { method: 'HEAD', signal: AbortSignal.timeout(3_000) })).ok
  } catch {
    // No network, or a wall around it: said in the name of the suite.
    return false
  }
}

const canReach = await isReachable()

describe.skipIf(!canReach)(`the real release site${canReach ? '' : ' (skipped: it does not answer)'}`, () => {
  /** @type {string} */ let directory
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'pharos-release-site-'))
  })
  afterEach(() => rmSync(directory, { recursive: true, force: true }))

  it.each(scannerReleases().map((release) => ({ release, name: `${release.name} ${release.version}` })))(
    'gives $name, whose checksum is right and which runs',
    async ({ release }) => {
      const outcome = await installRelease(release, directory)
      expect(outcome).toEqual({ isInstalled: true, path: join(directory, release.name) })
      expect(execFileSync(join(directory, release.name), ['version'], { encoding: 'utf8' })).toContain(release.version)
    },
    600_000,
  )
})
