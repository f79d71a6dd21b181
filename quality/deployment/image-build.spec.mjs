import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'

const root = resolve(import.meta.dirname, '../..')
const baseImage = 'docker.io/library/node:24-bookworm-slim'
const pullLimitMs = 120_000
const buildLimitMs = 1_800_000

const run = (program, args, timeout) => spawnSync(program, args, { cwd: root, encoding: 'utf8', timeout })

/** The first of the programs that build images here, and can have the image that ours begin with; else why none can. */
function findBuilder() {
  const reasons = []
  for (const program of ['docker', 'podman', 'buildah']) {
    // Of docker the client alone may be there.
    const answer = run(program, program === 'docker' ? ['version', '--format', '{{.Server.Version}}'] : ['version'], 20_000)
    if (answer.error !== undefined) reasons.push(`${program} is not on PATH`)
    else if (answer.status !== 0) reasons.push(`${program} has no engine`)
    else if (run(program, ['pull', baseImage], pullLimitMs).status !== 0) reasons.push(`${program} cannot have ${baseImage}`)
    else return { program }
  }
  return { reason: reasons.join(', ') }
}

const { program, reason } = findBuilder()

describe.skipIf(program === undefined)(`the image of a service${program === undefined ? ` (skipped: ${reason})` : ''}`, () => {
  it('begins with the image that this test looks for', () => {
    expect(readFileSync(join(root, 'deploy/docker/Dockerfile'), 'utf8')).toMatch(/^FROM node:\$\{NODE_VERSION\}-bookworm-slim AS service$/m)
  })

  it.each(['api-gateway', 'results-service', 'scheduler'])(
    '%s is built, runs as a user without rights, and knows its parameters',
    (service) => {
      const tag = `pharos-spec/${service}:${process.pid}`
      const file = ['-f', 'deploy/docker/Dockerfile', '--build-arg', `SERVICE=${service}`, '--target', 'service']
      const built = run(program, ['build', ...file, '-t', tag, '.'], buildLimitMs)
      try {
        expect({ status: built.status, output: built.status === 0 ? '' : built.stderr.slice(-2000) }).toEqual({ status: 0, output: '' })
        if (program === 'buildah') return
        const help = run(program, ['run', '--rm', '--read-only', tag, '--help'], pullLimitMs)
        expect(help.stdout).toContain('--port')
        const user = run(program, ['run', '--rm', '--entrypoint', 'id', tag, '-u'], pullLimitMs)
        expect(user.stdout.trim()).not.toBe('0')
      } finally {
        run(program, ['rmi', '-f', tag], pullLimitMs)
      }
    },
    buildLimitMs + 3 * pullLimitMs,
  )
})
