import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const folder = fileURLToPath(new URL('../..', import.meta.url))

/** Tests run the built worker, so it is built before them. */
export function setup(): void {
  for (const command of [
    ['../../node_modules/typescript/bin/tsc', '-p', 'tsconfig.json'],
    ['build-engines.mjs', '--native'],
  ]) {
    const { status } = spawnSync(process.execPath, command, { cwd: folder, stdio: 'inherit' })
    if (status !== 0) throw new Error(`${command.join(' ')} failed`)
  }
}
