import { execFile } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { chown, cp, lstat, mkdir, readFile, readlink, realpath, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { findPostgresAccount, isReachable, type PostgresAccount } from './postgres-account.js'
import { findPostgresBinaries } from './postgres-binaries.js'

const run = promisify(execFile)

/** A data folder that is ready for a server, and what it takes to start one on it. */
export interface PostgresCluster {
  dataDirectory: string
  postgres: string
  account: PostgresAccount
  password: string
}

/** The name of the only account inside PostgreSQL that is made. */
export const postgresUser = 'pharos'

/**
 * Makes a data folder below `directory`, or takes the one that is there.
 * When root's own folders hide it from the account that PostgreSQL runs under, data and programs stand in a
 * folder of their own under /var/tmp, to which `directory` holds a link; {@link removePostgresCluster} removes both.
 */
export async function preparePostgresCluster(directory: string): Promise<PostgresCluster> {
  await mkdir(directory, { recursive: true })
  const account = await findPostgresAccount()
  const binaries = findPostgresBinaries()
  const root = await placeFor(await realpath(directory), account)
  const programs = isReachable(binaries.directory, account) ? binaries.directory : await copyPrograms(binaries.directory, root)
  const dataDirectory = join(root, 'data')
  const passwordPath = join(directory, 'password')
  // initdb writes PG_VERSION early and the configuration last: a folder without our mark was interrupted half-way.
  const markPath = join(directory, 'initialised')
  if (!existsSync(markPath) || !existsSync(join(dataDirectory, 'PG_VERSION'))) {
    await rm(dataDirectory, { recursive: true, force: true })
    await initialise(join(programs, 'bin', 'initdb'), dataDirectory, passwordPath, account)
    await writeFile(markPath, '')
  }
  const owner = await stat(dataDirectory)
  return {
    dataDirectory,
    postgres: join(programs, 'bin', 'postgres'),
    // The account may have changed since (a package brought "postgres"): the folder's owner decides.
    account: account.uid === undefined ? {} : { uid: owner.uid, gid: owner.gid },
    password: (await readFile(passwordPath, 'utf8')).trim(),
  }
}

/** Removes a data folder, and what was placed outside of it. The server must have ended. */
export async function removePostgresCluster(directory: string): Promise<void> {
  const link = join(directory, 'place')
  const isLink = await lstat(link).then(
    (entry) => entry.isSymbolicLink(),
    () => false,
  )
  if (isLink) await rm(await readlink(link), { recursive: true, force: true })
  await rm(directory, { recursive: true, force: true })
}

async function placeFor(directory: string, account: PostgresAccount): Promise<string> {
  if (isReachable(directory, account)) return directory
  const place = join('/var/tmp', `pharos-postgres-${createHash('sha256').update(directory).digest('hex').slice(0, 12)}`)
  await mkdir(place, { recursive: true, mode: 0o711 })
  if ((await lstat(place)).isSymbolicLink() || (await stat(place)).uid !== 0) throw new Error(`${place} is not a folder of root`)
  const link = join(directory, 'place')
  await rm(link, { force: true })
  await symlink(place, link)
  return place
}

async function copyPrograms(from: string, place: string): Promise<string> {
  const to = join(place, 'programs')
  const markPath = join(place, 'programs-from')
  const isCurrent = await readFile(markPath, 'utf8').then(
    (text) => text === from,
    () => false,
  )
  if (!isCurrent) {
    await rm(to, { recursive: true, force: true })
    await cp(from, to, { recursive: true, verbatimSymlinks: true })
    await writeFile(markPath, from)
  }
  return to
}

async function initialise(initdb: string, dataDirectory: string, passwordPath: string, account: PostgresAccount): Promise<void> {
  const password = randomBytes(24).toString('base64url')
  await writeFile(passwordPath, `${password}\n`, { mode: 0o600 })
  await mkdir(dataDirectory, { recursive: true, mode: 0o700 })
  const lentPath = join(dirname(dataDirectory), 'initial-password')
  await writeFile(lentPath, `${password}\n`, { mode: 0o600 })
  if (account.uid !== undefined && account.gid !== undefined) {
    await chown(dataDirectory, account.uid, account.gid)
    await chown(lentPath, account.uid, account.gid)
  }
  try {
    await run(
      initdb,
      [
        '-D',
        dataDirectory,
        '-U',
        postgresUser,
        '--pwfile',
        lentPath,
        '--auth',
        'scram-sha-256',
        '-E',
        'UTF8',
        '--locale',
        'C',
        '--no-instructions',
      ],
      { ...account, cwd: '/', env: { PATH: process.env.PATH, TZ: 'UTC', LC_ALL: 'C' } },
    )
  } finally {
    await rm(lentPath, { force: true })
  }
}
