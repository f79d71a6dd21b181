import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, it } from 'vitest'
import { productionPackages } from './notices.mjs'

const root = resolve(import.meta.dirname, '..')

it('lists every package that a service installs (npm run notices writes the list)', () => {
  const notices = readFileSync(join(root, 'THIRD_PARTY_NOTICES.md'), 'utf8')
  // Packages for one platform are on the list of the machine that wrote it.
  const isPortable = ({ folder }) => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).cpu === undefined
  const missing = [...productionPackages()].filter(([, component]) => isPortable(component)).map(([name]) => name)
  expect(missing.filter((name) => !notices.includes(`| ${name} |`))).toEqual([])
})
