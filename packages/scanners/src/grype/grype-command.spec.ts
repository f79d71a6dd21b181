import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { beforeEach, describe, expect, it } from 'vitest'
import { fakeProgram, scratchDirectory } from '../__tests__/fake-program.js'
import { fixtureCatalogue, fixtureText } from '../__tests__/fixtures.js'
import type { ScanRequest } from '../model/scanner.js'
import { GrypeCommand } from './grype-command.js'
import { GrypeDatabases } from './grype-database.js'

let directory = ''
let request: ScanRequest

beforeEach(async () => {
  directory = await scratchDirectory()
  await writeFile(join(directory, 'sbom.json.gz'), gzipSync(fixtureText('syft', 'npm')))
  await writeFile(join(directory, 'whole.json'), fixtureText('grype', 'npm'))
  await writeFile(join(directory, 'half.json'), fixtureText('grype', 'npm').subarray(0, 20_000))
  request = {
    sbomPath: join(directory, 'sbom.json.gz'),
    layoutDirectory: null,
    catalogue: fixtureCatalogue('npm'),
    databaseDirectory: join(directory, 'db'),
    workDirectory: directory,
    limits: { timeoutMs: 100_000, memoryLimitBytes: 1e9, outputLimitBytes: 1e6 },
    signal: new AbortController().signal,
  }
})

async function scan(script: string, change: Partial<ScanRequest> = {}) {
  return new GrypeCommand(await fakeProgram(directory, 'grype', script), '0.121.2').scan({ ...request, ...change })
}

describe('the grype command', () => {
  it('is read when it ends well, and leaves no file behind', async () => {
    const findings = await scan(`cat ${directory}/whole.json`)
    expect(findings).toMatchObject({ engineVersion: '0.121.2', reasons: [], database: { schemaVersion: 'v6.1.10' } })
    expect(findings.matches).toHaveLength(13)
    expect((await readdir(directory)).sort()).toEqual(['grype', 'half.json', 'sbom.json.gz', 'whole.json'])
  })

  it('is told its database by the environment, and never to update it', async () => {
    await scan(`env > ${directory}/env; echo "$@" > ${directory}/args; cat ${directory}/whole.json`)
    const environment = await readFile(join(directory, 'env'), 'utf8')
    for (const line of [
      `GRYPE_DB_CACHE_DIR=${directory}/db`,
      'GRYPE_DB_AUTO_UPDATE=false',
      'GRYPE_DB_VALIDATE_AGE=false',
      'GRYPE_CHECK_FOR_APP_UPDATE=false',
    ])
      expect(environment).toContain(line)
    expect(await readFile(join(directory, 'args'), 'utf8')).toBe(`-o json -- sbom:${directory}/grype-sbom.json\n`)
  })

  it.each([
    ['its output is cut in half', (folder: string) => `cat ${folder}/half.json`, 'engine-output-invalid'],
    ['it ends well but prints nothing', () => 'exit 0', 'engine-output-invalid'],
    ['it fails and prints nothing', () => 'echo "something odd" >&2; exit 1', 'engine-failed'],
    ['it fails although it printed a report', (folder: string) => `cat ${folder}/whole.json; exit 1`, 'engine-failed'],
    ['it prints something else', () => 'echo "[]"', 'engine-output-invalid'],
    ['it is killed', () => 'kill -KILL $$', 'engine-crashed'],
    [
      'its database is damaged',
      () => 'printf "\\033[31mfailed to load vulnerability db: bad db checksum\\033[0m" >&2; exit 1',
      'database-damaged',
    ],
    ['it finds no database', () => 'echo "failed to load vulnerability db: database does not exist" >&2; exit 1', 'database-missing'],
    ['the disk is full', () => 'echo "write /tmp/x: no space left on device" >&2; exit 1', 'disk-full'],
  ])('gives a typed error when %s', async (_sentence, script, code) => {
    await expect(scan(script(directory))).rejects.toMatchObject({ code })
  })

  it('gives a typed error when it takes too long', async () => {
    await expect(scan('sleep 60', { limits: { ...request.limits, timeoutMs: 100 } })).rejects.toMatchObject({ code: 'engine-timeout' })
  })

  it('is not asked without a database', async () => {
    await expect(scan('exit 0', { databaseDirectory: null })).rejects.toMatchObject({ code: 'database-missing' })
  })
})

describe('importing a database', () => {
  it.each([
    ['an archive that is none', 'echo "unable to import vulnerability database: no formats matched" >&2; exit 1', 'database-damaged'],
    ['another schema', 'echo "unsupported schema version" >&2; exit 1', 'database-unsupported'],
    ['a full disk', 'echo "no space left on device" >&2; exit 1', 'disk-full'],
  ])('refuses %s', async (_sentence, script, code) => {
    const databases = new GrypeDatabases(await fakeProgram(directory, 'grype', script))
    await writeFile(join(directory, 'archive'), Buffer.from([0x1f, 0x8b, 8]))
    await expect(databases.import(join(directory, 'archive'), join(directory, 'db'), directory)).rejects.toMatchObject({ code })
  })
})
