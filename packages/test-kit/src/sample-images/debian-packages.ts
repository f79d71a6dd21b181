import { createHash } from 'node:crypto'
import type { LayerEntry } from '../oci/layer.js'

/** A package that dpkg knows to be installed. */
export interface DebianPackage {
  name: string
  version: string
  /** Name of its source package, when that differs. */
  source?: string
  /** Files that it owns, without the leading slash. */
  files: { path: string; content: string | Buffer; mode?: number }[]
  dependsOn?: string[]
}

/** Files that make a folder tree a Debian 12. */
export function debianRelease(): LayerEntry[] {
  return [
    {
      path: 'usr/lib/os-release',
      content: [
        'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"',
        'NAME="Debian GNU/Linux"',
        'VERSION_ID="12"',
        'VERSION="12 (bookworm)"',
        'VERSION_CODENAME=bookworm',
        'ID=debian',
        '',
      ].join('\n'),
    },
    { path: 'etc/os-release', linkTo: '../usr/lib/os-release' },
    { path: 'etc/debian_version', content: '12.0\n' },
  ]
}

/** What dpkg keeps about its packages: the status file, and a list and checksums of files for each. */
export function debianDatabase(packages: DebianPackage[], architecture = 'amd64'): LayerEntry[] {
  return [
    { path: 'var/lib/dpkg/status', content: `${packages.map((item) => statusRecord(item, architecture)).join('\n\n')}\n` },
    ...packages.flatMap((item) => [
      { path: `var/lib/dpkg/info/${item.name}.list`, content: fileList(item) },
      {
        path: `var/lib/dpkg/info/${item.name}.md5sums`,
        content: item.files.map((file) => `${createHash('md5').update(file.content).digest('hex')}  ${file.path}\n`).join(''),
      },
    ]),
  ]
}

/** The files that the packages own, with a copyright file for each package. */
export function* debianFiles(packages: DebianPackage[]): Generator<LayerEntry> {
  for (const item of packages) {
    yield* item.files
    yield {
      path: copyrightPath(item),
      content: 'Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\nFiles: *\nLicense: GPL-2+\n',
    }
  }
}

function copyrightPath(item: DebianPackage): string {
  return `usr/share/doc/${item.name}/copyright`
}

function statusRecord(item: DebianPackage, architecture: string): string {
  return [
    `Package: ${item.name}`,
    'Status: install ok installed',
    'Priority: optional',
    'Section: libs',
    `Installed-Size: ${Math.ceil(item.files.reduce((sum, file) => sum + file.content.length, 1024) / 1024)}`,
    'Maintainer: Pharos sample <sample@pharos.invalid>',
    `Architecture: ${architecture}`,
    ...(item.source === undefined ? [] : [`Source: ${item.source}`]),
    `Version: ${item.version}`,
    ...(item.dependsOn === undefined ? [] : [`Depends: ${item.dependsOn.join(', ')}`]),
    `Description: ${item.name} of a Pharos sample image`,
  ].join('\n')
}

function fileList(item: DebianPackage): string {
  const paths = new Set<string>()
  for (const path of [...item.files.map((file) => file.path), copyrightPath(item)]) {
    const names = path.split('/')
    for (let count = 1; count <= names.length; count += 1) paths.add(`/${names.slice(0, count).join('/')}`)
  }
  return `/.\n${[...paths].join('\n')}\n`
}
