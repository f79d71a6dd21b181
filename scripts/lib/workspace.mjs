import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './places.mjs'

/** Folders of all packages of the workspace, relative to the root, in a stable order. */
export function workspaceDirectories() {
  const nested = ['packages', 'apps'].flatMap((parent) =>
    existsSync(join(root, parent))
      ? readdirSync(join(root, parent))
          .sort()
          .map((name) => join(parent, name))
      : [],
  )
  return [...nested, 'bench'].filter((directory) => existsSync(join(root, directory, 'package.json')))
}
