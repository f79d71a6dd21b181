import { statSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname } from 'node:path'

/** The account that PostgreSQL runs under; empty for a normal user, who runs it as himself. */
export interface PostgresAccount {
  uid?: number
  gid?: number
}

/** PostgreSQL refuses to run as root, so root lends it an account that has an entry in the passwd file. */
export async function findPostgresAccount(): Promise<PostgresAccount> {
  if (process.getuid?.() !== 0) return {}
  const entries = new Map<string, PostgresAccount>()
  for (const line of (await readFile('/etc/passwd', 'utf8')).split('\n')) {
    const [name, , uid, gid] = line.split(':')
    if (name && uid && gid) entries.set(name, { uid: Number(uid), gid: Number(gid) })
  }
  const account = entries.get('postgres') ?? entries.get('nobody')
  if (!account)
    throw new Error(
      'PostgreSQL does not run as root, and there is no account "postgres" or "nobody"; run as a normal user or set DATABASE_URL',
    )
  return account
}

/** Whether an account other than root may walk into a folder: each folder above it must allow that. */
export function isReachable(directory: string, account: PostgresAccount): boolean {
  if (account.uid === undefined) return true
  for (let current = directory; ; current = dirname(current)) {
    const { mode, uid, gid } = statSync(current)
    const bit = uid === account.uid ? 0o100 : gid === account.gid ? 0o010 : 0o001
    if ((mode & bit) === 0) return false
    if (dirname(current) === current) return true
  }
}
