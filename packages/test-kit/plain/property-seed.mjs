// Set-up of every test file: properties are tried with the same random values in each run, so that a run which fails fails again, and one
// change is not judged by the luck of another. PHAROS_PROPERTY_SEED=random looks for what no run has tried; a number repeats such a run.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'

const asked = process.env.PHAROS_PROPERTY_SEED ?? '20260'

/** The module that the tests of the package in the working folder import; undefined where it tests no properties. */
function findFastCheck() {
  try {
    const manifestPath = createRequire(join(process.cwd(), 'package.json')).resolve('fast-check/package.json')
    // Not what require() would load: each of both has settings of its own.
    return join(dirname(manifestPath), JSON.parse(readFileSync(manifestPath, 'utf8')).exports['.'].import.default)
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === 'MODULE_NOT_FOUND') return undefined
    throw error
  }
}

const path = asked === 'random' ? undefined : findFastCheck()
if (path !== undefined) {
  const { configureGlobal } = await import(pathToFileURL(path).href)
  configureGlobal({ seed: Number(asked) })
}
