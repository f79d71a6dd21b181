import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

describe('the build of the engines, where Go is missing', () => {
  let folder: string
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'bridge-build-'))
    mkdirSync(join(folder, 'go', 'symbols'), { recursive: true })
    for (const name of ['build-engines.mjs', 'go/go.mod'])
      copyFileSync(fileURLToPath(new URL(`../${name}`, import.meta.url)), join(folder, name))
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  const build = (...args: string[]) =>
    spawnSync(process.execPath, [join(folder, 'build-engines.mjs'), ...args], { encoding: 'utf8', env: { PATH: join(folder, 'nothing') } })

  it('says in one line what to install, and ends well', () => {
    const { status, stderr } = build()
    expect(stderr).toMatch(
      /^starlark-js-bridge: Go is not installed, so enrichers cannot run: install Go [\d.]+ or newer from \S+ and build again\n$/,
    )
    expect(status).toBe(0)
  })

  it('fails where the engines are needed', () => {
    expect(build('--needed').status).toBe(1)
  })
})
