import { mkdir, realpath } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The root of the repository; `src/` and `dist/` stand at the same depth below it. */
export const repositoryDirectory = resolve(fileURLToPath(new URL('../../..', import.meta.url)))

/** The folder that holds everything made at run time: `PHAROS_HOME`, else `.pharos` in the repository. */
export function pharosHome(environment: NodeJS.ProcessEnv = process.env): string {
  return environment.PHAROS_HOME ? resolve(environment.PHAROS_HOME) : join(repositoryDirectory, '.pharos')
}

/** Makes a folder below the home for tests and returns its real path. */
export async function testHome(...names: string[]): Promise<string> {
  const directory = join(pharosHome(), 'test', ...names)
  await mkdir(directory, { recursive: true })
  return realpath(directory)
}

/** The absolute path of a tool that this repository builds or downloads, whether it is there or not. */
export function toolPath(name: string): string {
  return join(pharosHome(), 'tools', 'bin', name)
}
