import { createHash } from 'node:crypto'
import type { LayerEntry } from '../oci/layer.js'

/** A package that apk knows to be installed. */
export interface AlpinePackage {
  name: string
  version: string
  /** Name of the package that it was built from, when that differs. */
  origin?: string
  license: string
  /** Files that it owns, without the leading slash. */
  files: { path: string; content: string | Buffer; mode?: number }[]
}

/** Files that make a folder tree an Alpine 3.18. */
export function alpineRelease(): LayerEntry[] {
  return [
    {
      path: 'etc/os-release',
      content: 'NAME="Alpine Linux"\nID=alpine\nVERSION_ID=3.18.0\nPRETTY_NAME="Alpine Linux v3.18"\nHOME_URL="https://alpinelinux.org/"\n',
    },
    { path: 'etc/alpine-release', content: '3.18.0\n' },
  ]
}

/** What apk keeps about its packages. */
export function alpineDatabase(packages: AlpinePackage[], architecture = 'x86_64'): LayerEntry[] {
  return [
    { path: 'lib/apk/db/installed', content: packages.map((item) => installedRecord(item, architecture)).join('') },
    { path: 'etc/apk/world', content: packages.map((item) => `${item.name}\n`).join('') },
    { path: 'etc/apk/arch', content: `${architecture}\n` },
  ]
}

/** The files that the packages own. */
export function alpineFiles(packages: AlpinePackage[]): LayerEntry[] {
  return packages.flatMap((item) => item.files)
}

function installedRecord(item: AlpinePackage, architecture: string): string {
  const checksum = (content: string | Buffer): string => `Q1${createHash('sha1').update(content).digest('base64')}`
  const lines = [
    `C:${checksum(`${item.name} ${item.version}`)}`,
    `P:${item.name}`,
    `V:${item.version}`,
    `A:${architecture}`,
    'S:1024',
    'I:4096',
    `T:${item.name} of a Pharos sample image`,
    'U:https://pharos.invalid/',
    `L:${item.license}`,
    `o:${item.origin ?? item.name}`,
    'm:Pharos sample <sample@pharos.invalid>',
    't:1735689600',
  ]
  for (const file of item.files) {
    const cut = file.path.lastIndexOf('/')
    lines.push(`F:${file.path.slice(0, Math.max(cut, 0))}`, `R:${file.path.slice(cut + 1)}`)
    if (file.mode !== undefined) lines.push(`a:0:0:${file.mode.toString(8)}`)
    lines.push(`Z:${checksum(file.content)}`)
  }
  return `${lines.join('\n')}\n\n`
}
