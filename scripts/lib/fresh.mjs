import { existsSync, readdirSync, rmSync } from 'node:fs'
import { home, inHome } from './places.mjs'
import { testKit } from './servers.mjs'

/** What a fresh start keeps: tools are the same each time, and the other two belong to runs that may be under way. */
const kept = new Set(['tools', 'run', 'test'])

/** Removes what an earlier start stored. */
export async function clearState() {
  if (!existsSync(home)) return
  if (existsSync(inHome('postgres'))) await (await testKit()).removePostgresCluster(inHome('postgres'))
  for (const name of readdirSync(home)) if (!kept.has(name)) rmSync(inHome(name), { recursive: true, force: true })
}
