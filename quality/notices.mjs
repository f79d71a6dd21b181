#!/usr/bin/env node
// Writes THIRD_PARTY_NOTICES.md: every package that a service installs and every Go module that the tools link, with the texts of their licences.
// Run it after a dependency has changed: npm run notices
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..')
const licencePattern = /^(licen[cs]e|copying|notice|copyright)(\.|-|$)/i
/** What is linked from each Go module of ours. The bridge's native program is for tests, so that it is left out. */
const goPackages = {
  tools: ['./cmd/...', 'github.com/anchore/grype/cmd/grype', 'github.com/anchore/syft/cmd/syft'],
  'packages/starlark-js-bridge/go': ['./engine', './symbols'],
}

/** The folder of a dependency as Node finds it from `folder`. */
function folderOf(name, folder) {
  for (let at = folder; ; at = dirname(at)) {
    const candidate = join(at, 'node_modules', name)
    if (existsSync(join(candidate, 'package.json'))) return realpathSync(candidate)
    if (dirname(at) === at) return undefined
  }
}

/** Packages of this workspace. */
const isOurs = (name) => name.startsWith('@pharos/') || name === 'starlark-js-bridge'

const manifestOf = (folder) => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))

/** Packages that the apps need at run time, the workspace's own left out. Optional ones of other platforms are not installed, so not listed. */
export function productionPackages() {
  const found = new Map()
  const seen = new Set()
  const visit = (folder) => {
    if (seen.has(folder)) return
    seen.add(folder)
    const manifest = manifestOf(folder)
    for (const name of Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies })) {
      const next = folderOf(name, folder)
      if (next) visit(next)
    }
    if (!isOurs(manifest.name)) found.set(`${manifest.name}@${manifest.version}`, { folder, licence: licenceOf(manifest) })
  }
  for (const app of readdirSync(join(root, 'apps')))
    if (existsSync(join(root, 'apps', app, 'package.json'))) visit(realpathSync(join(root, 'apps', app)))
  return found
}

function licenceOf(manifest) {
  if (typeof manifest.license === 'string') return manifest.license
  return manifest.license?.type ?? manifest.licenses?.map((entry) => entry.type).join(' OR ') ?? 'not stated'
}

/** Go modules that are linked into the programs of one of our modules, from the local module cache. */
function goModules(module) {
  const format = '{{with .Module}}{{.Path}}@{{.Version}}\t{{.Dir}}\t{{.Main}}{{end}}'
  const listed = execFileSync('go', ['list', '-deps', '-f', format, ...goPackages[module]], {
    cwd: join(root, module),
    encoding: 'utf8',
    maxBuffer: 1 << 26,
    env: { ...process.env, CGO_ENABLED: '0' },
  })
  const found = new Map()
  for (const line of new Set(listed.split('\n'))) {
    const [name, folder, isMain] = line.split('\t')
    if (folder && isMain !== 'true') found.set(name, { folder, licence: undefined })
  }
  return found
}

function licenceTexts(folder) {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isFile() && licencePattern.test(entry.name))
    .map((entry) => readFileSync(join(folder, entry.name), 'utf8').replaceAll('\r\n', '\n').trim())
}

/** The name of a licence, from its text, for modules whose manifest does not say it. */
function licenceByText(text) {
  const known = [
    [/Apache License\s+Version 2\.0/, 'Apache-2.0'],
    [/Mozilla Public License,? (Version|version) 2\.0/, 'MPL-2.0'],
    [/Permission to use, copy, modify, and\/or distribute/i, 'ISC'],
    [/Permission is hereby granted, free of charge/, 'MIT'],
    [/Neither the name/i, 'BSD-3-Clause'],
    [/Redistribution and use in source and binary forms/, 'BSD-2-Clause'],
    [/GNU (LESSER )?GENERAL PUBLIC LICENSE/i, 'GPL or LGPL'],
    [/Creative Commons|CC0/, 'CC0-1.0'],
    [/This is free and unencumbered software/, 'Unlicense'],
  ]
  return known.find(([pattern]) => pattern.test(text))?.[1] ?? 'see its text'
}

/** A licence's text without its copyright lines, which differ where the licence is the same. */
function splitCopyright(text) {
  const isCopyright = (line) => /^\W*(copyright\b|\(c\)|©|all rights reserved)/i.test(line) && line.length < 200
  const lines = text.split('\n')
  return {
    body: lines
      .filter((line) => !isCopyright(line))
      .join('\n')
      .trim(),
    copyrights: lines.filter(isCopyright).map((line) => line.trim()),
  }
}

function section(title, components) {
  const groups = new Map()
  const rows = [...components.keys()].sort().map((name) => {
    const { folder, licence } = components.get(name)
    const texts = licenceTexts(folder)
    for (const text of texts) {
      const { body, copyrights } = splitCopyright(text)
      const key = body.replaceAll(/\s+/g, ' ')
      const group = groups.get(key) ?? { body, owners: [] }
      group.owners.push(`- ${name}${copyrights.length > 0 ? `: ${copyrights.join('; ')}` : ''}`)
      groups.set(key, group)
    }
    return `| ${name} | ${licence === 'not stated' || licence === undefined ? licenceByText(texts.join('\n')) : licence} |`
  })
  const texts = [...groups.values()].map(
    ({ body, owners }) => `${owners.join('\n')}\n\n\`\`\`text\n${body.replaceAll('```', "'''")}\n\`\`\``,
  )
  return `## ${title}\n\n| component | licence |\n| --- | --- |\n${rows.join('\n')}\n\n${texts.join('\n\n')}\n`
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const head = '# Third-party notices\n\nWhat Pharos installs or links, with licences. Written by `npm run notices`.\n'
  const text = `${head}\n${section('Node packages of the services', productionPackages())}\n${section('Go modules of the tools', goModules('tools'))}\n${section('Go modules of the script engines', goModules('packages/starlark-js-bridge/go'))}`
  writeFileSync(join(root, 'THIRD_PARTY_NOTICES.md'), text)
  console.log(`THIRD_PARTY_NOTICES.md: ${text.length} characters`)
}
