import type { LayerEntry } from '../oci/layer.js'

/** A package under node_modules. */
export interface NpmPackage {
  name: string
  version: string
  license?: string
  /** Packages that only this one sees, below its own node_modules. */
  nested?: NpmPackage[]
}

/** A Node application with its installed packages. No lock file: scanners would count what it names a second time. */
export function npmApplication(directory: string, name: string, packages: NpmPackage[]): LayerEntry[] {
  return [
    {
      path: `${directory}/package.json`,
      content: json({
        name,
        version: '1.0.0',
        private: true,
        license: 'Apache-2.0',
        dependencies: Object.fromEntries(packages.map((item) => [item.name, item.version])),
      }),
    },
    { path: `${directory}/index.js`, content: `'use strict'\nconsole.log('a Pharos sample: ${name}')\n` },
    ...packages.flatMap((item) => npmFiles(directory, item)),
  ]
}

function npmFiles(parent: string, item: NpmPackage): LayerEntry[] {
  const directory = `${parent}/node_modules/${item.name}`
  const license = item.license ?? 'MIT'
  return [
    { path: `${directory}/package.json`, content: json({ name: item.name, version: item.version, license, main: 'index.js' }) },
    { path: `${directory}/index.js`, content: `'use strict'\nmodule.exports = ${JSON.stringify(`${item.name}@${item.version}`)}\n` },
    { path: `${directory}/LICENSE`, content: `${license}\n` },
    ...(item.nested ?? []).flatMap((inner) => npmFiles(directory, inner)),
  ]
}

/** A distribution in a Python site-packages folder. */
export interface PythonPackage {
  name: string
  version: string
  license?: string
  requires?: string[]
}

/** Installed Python distributions, as pip leaves them. */
export function pythonSitePackages(directory: string, packages: PythonPackage[]): LayerEntry[] {
  return packages.flatMap((item) => {
    const module = item.name.toLowerCase().replaceAll('-', '_')
    const information = `${directory}/${item.name.replaceAll('-', '_')}-${item.version}.dist-info`
    const metadata = [
      'Metadata-Version: 2.1',
      `Name: ${item.name}`,
      `Version: ${item.version}`,
      `Summary: ${item.name} of a Pharos sample image`,
      `License: ${item.license ?? 'MIT'}`,
      ...(item.requires ?? []).map((name) => `Requires-Dist: ${name}`),
      '',
      '',
    ].join('\n')
    const base = information.slice(directory.length + 1)
    return [
      { path: `${directory}/${module}/__init__.py`, content: `__version__ = "${item.version}"\n` },
      { path: `${information}/METADATA`, content: metadata },
      { path: `${information}/RECORD`, content: `${module}/__init__.py,,\n${base}/METADATA,,\n${base}/RECORD,,\n` },
      { path: `${information}/top_level.txt`, content: `${module}\n` },
      { path: `${information}/INSTALLER`, content: 'pip\n' },
    ]
  })
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`
}
