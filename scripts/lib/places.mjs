import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The root of the repository. */
export const root = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..')

/** The folder of everything that is made at run time. */
export const home = process.env.PHAROS_HOME ? resolve(process.env.PHAROS_HOME) : join(root, '.pharos')

/** A path below that folder. @param {...string} names */
export const inHome = (...names) => join(home, ...names)

/** The project's own tools. */
export const toolsDirectory = inHome('tools', 'bin')
