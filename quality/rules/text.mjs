import { homedir } from 'node:os'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..')

/** The words are put together here, or this file would refuse itself. */
const unfinished = new RegExp(`\\b(${['TO' + 'DO', 'FIX' + 'ME', 'X' + 'XX', 'HA' + 'CK'].join('|')})\\b`)
const suppression = /(oxlint-disable|eslint-disable|biome-ignore|@ts-expect-error|@ts-ignore|@ts-nocheck|nolint|istanbul ignore|v8 ignore)/

/** Folders and download hosts of the machine at hand: whoever clones the project has others. */
function machineMarks() {
  const folders = [...[root, homedir()].filter((path) => path.split('/').length > 2).map((path) => `${path}/`), '/root/']
  const parent = dirname(root)
  if (parent.split('/').length === 2 && !['/', '/tmp', '/home', '/usr', '/opt', '/var', '/srv', '/app'].includes(parent))
    folders.push(`${parent}/`)
  const hosts = [process.env.npm_config_registry, process.env.NPM_CONFIG_REGISTRY, ...(process.env.GOPROXY ?? '').split(/[,|]/)]
    .map((address) => (URL.canParse(address ?? '') ? new URL(address).hostname : ''))
    .filter((host) => host !== '' && !/^(localhost|127\.|\[?::1)/.test(host))
  return { folders, hosts }
}

const marks = machineMarks()
const userFolder = /\/(home|Users)\/(?!(nonroot|pharos|user|node|postgres)\b)[a-z][a-z0-9_-]*\//

function eachLine(file, isWrong, message) {
  const findings = []
  for (const [index, line] of file.text.split('\n').entries()) if (isWrong(line)) findings.push({ line: index + 1, message })
  return findings
}

/** @type {import('../run-rules.mjs').Rule[]} */
export const textRules = [
  {
    name: 'nothing-unfinished',
    why: 'What is not done is an issue, not a comment in the product.',
    appliesTo: (path) => /\.(ts|mts|mjs|js|go|sh|yaml|yml)$/.test(path) && path !== 'pnpm-lock.yaml',
    check: (file) => eachLine(file, (line) => unfinished.test(line), 'unfinished work is marked in a source'),
    probes: [{ path: 'apps/cli/src/main.ts', text: `// ${'TO' + 'DO'}: later\n` }],
  },
  {
    name: 'suppressions-say-why',
    why: 'Whoever meets a switched-off check must know whether it may be switched on again.',
    appliesTo: (path) => /\.(ts|mts|mjs|js|go)$/.test(path) && path !== 'quality/rules/text.mjs',
    check: (file) => {
      const comments =
        file.comments.length > 0 || !file.path.endsWith('.go')
          ? file.comments
          : file.text
              .split('\n')
              .flatMap((line, index) => (/\/\/\s*nolint/.test(line) ? [{ text: line.slice(line.indexOf('//')), line: index + 1 }] : []))
      return comments
        .filter((comment) => {
          const found = suppression.exec(comment.text)
          if (!found) return false
          if (/@ts-(ignore|nocheck)/.test(found[0])) return true
          const rest = comment.text.slice(found.index + found[0].length)
          return !/( -- |: |\/\/ ?)\S.{9,}/.test(rest)
        })
        .map((comment) => ({ line: comment.line, message: 'a suppression without a reason (or of a whole file)' }))
    },
    probes: [
      { path: 'apps/cli/src/main.ts', text: '// oxlint-disable-next-line no-console\n' },
      { path: 'apps/cli/src/main.ts', text: '// @ts-ignore: the types of this library are wrong here\n' },
      { path: 'tools/cmd/pharos-engine/main.go', text: 'x() //nolint:errcheck\n' },
    ],
  },
  {
    name: 'no-machine-marks',
    why: 'A path or download host of one machine means nothing on the next, and says more about its owner than the owner wants.',
    appliesTo: (path) => !path.startsWith('quality/rules/text'),
    check: (file) =>
      eachLine(
        file,
        (line) =>
          marks.folders.some((folder) => line.includes(folder)) || marks.hosts.some((host) => line.includes(host)) || userFolder.test(line),
        'a path or host of one machine',
      ),
    probes: [
      { path: 'docs/operations.md', text: `see ${root}/docs\n` },
      { path: 'docs/operations.md', text: 'see /home/alice/pharos\n' },
    ],
  },
  {
    name: 'lock-file-names-no-host',
    why: 'Packages come from the registry that the user has set; their integrity is what the lock file pins.',
    appliesTo: (path) => path === 'pnpm-lock.yaml',
    check: (file) => eachLine(file, (line) => /https?:\/\/|tarball:/.test(line), 'a download address in the lock file'),
    probes: [{ path: 'pnpm-lock.yaml', text: 'resolution: {integrity: sha512-x, tarball: https://registry.example.com/a.tgz}\n' }],
  },
]
