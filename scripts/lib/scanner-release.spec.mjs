import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { installRelease } from './scanner-release.mjs'

const release = /** @type {const} */ ({ name: 'grype', repository: 'anchore/grype', version: '9.9.9' })
const architecture = process.arch === 'arm64' ? 'arm64' : 'amd64'
const archiveName = `grype_9.9.9_${process.platform}_${architecture}.tar.gz`

describe('installRelease', () => {
  /** @type {string} */ let directory
  /** @type {Map<string, Buffer>} */ let files
  /** @type {import('node:http').Server} */ let server
  /** @type {string} */ let url

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'pharos-release-spec-'))
    writeFileSync(join(directory, 'grype'), '#!/bin/sh\necho hello\n')
    execFileSync('tar', ['-czf', join(directory, 'a.tar.gz'), '-C', directory, 'grype'])
    const archive = readFileSync(join(directory, 'a.tar.gz'))
    files = new Map([
      [archiveName, archive],
      [
        'grype_9.9.9_checksums.txt',
        Buffer.from(`${'0'.repeat(64)}  other.tar.gz\n${createHash('sha256').update(archive).digest('hex')}  ${archiveName}\n`),
      ],
    ])
    server = createServer((request, response) => {
      const body = files.get(request.url?.split('/').at(-1) ?? '')
      response.writeHead(body ? 200 : 404).end(body)
    })
    await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)))
    url = `http://127.0.0.1:${/** @type {import('node:net').AddressInfo} */ (server.address()).port}`
  })
  afterEach(() => {
    server.close()
    server.closeAllConnections()
    rmSync(directory, { recursive: true })
  })

  it('installs a release whose checksum is right', async () => {
    const outcome = await installRelease(release, join(directory, 'bin'), url)
    expect(outcome).toEqual({ isInstalled: true, path: join(directory, 'bin', 'grype') })
    expect(execFileSync(join(directory, 'bin', 'grype'), { encoding: 'utf8' })).toBe('hello\n')
  })

  it('throws a release away whose checksum is wrong', async () => {
    files.set(archiveName, Buffer.from('something else'))
    expect(await installRelease(release, join(directory, 'bin'), url)).toMatchObject({
      isInstalled: false,
      reason: expect.stringContaining('thrown away'),
    })
    expect(existsSync(join(directory, 'bin', 'grype'))).toBe(false)
  })

  it('refuses a release whose list does not name this platform', async () => {
    files.set('grype_9.9.9_checksums.txt', Buffer.from(`${'0'.repeat(64)}  other.tar.gz\n`))
    expect(await installRelease(release, join(directory, 'bin'), url)).toMatchObject({
      isInstalled: false,
      reason: expect.stringContaining('does not name'),
    })
  })

  it('says so when nobody answers', async () => {
    expect(await installRelease(release, join(directory, 'bin'), 'http://127.0.0.1:9')).toEqual({
      isInstalled: false,
      reason: 'the release site does not answer',
    })
  })
})
