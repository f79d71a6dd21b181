import { chmod, mkdtemp, realpath, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A private folder for one test. */
export async function scratchDirectory(): Promise<string> {
  return realpath(await mkdtemp(join(tmpdir(), 'pharos-scanners-')))
}

/** Writes an executable shell script that stands in for a tool. */
export async function fakeProgram(directory: string, name: string, script: string): Promise<string> {
  const path = join(directory, name)
  await writeFile(path, `#!/bin/sh\n${script}\n`)
  await chmod(path, 0o755)
  return path
}

/** Writes an executable Node program. */
export async function fakeNodeProgram(directory: string, name: string, source: string): Promise<string> {
  const path = join(directory, `${name}.mjs`)
  await writeFile(path, source)
  return fakeProgram(directory, name, `exec ${JSON.stringify(process.execPath)} ${JSON.stringify(path)} "$@"`)
}
