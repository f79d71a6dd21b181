import { posix } from 'node:path'

/** Folder names of apps and packages, which are also their package names behind the scope. */
const appNames = [
  'admission-webhook',
  'alert-dispatcher',
  'api-gateway',
  'cli',
  'prometheus-reporter',
  'results-service',
  'scanner-worker',
  'scheduler',
]

const databaseModule = /^(typeorm|pg|@nestjs\/typeorm)(\/|$)/

/** `apps/cli` of `apps/cli/src/main.ts`; undefined outside of apps and packages. */
function workspaceOf(path) {
  return /^(apps|packages)\/[^/]+/.exec(path)?.[0]
}

const isInWorkspace = (path) => workspaceOf(path) !== undefined && /\.(ts|mts|mjs|js)$/.test(path)

function scopedName(specifier) {
  return /^@pharos\/([^/]+)/.exec(specifier)?.[1]
}

function refuse(file, isRefused, message) {
  return file.imports.filter(isRefused).map((request) => ({ line: request.line, message: `${message}: ${request.specifier}` }))
}

/** @type {import('../run-rules.mjs').Rule[]} */
export const boundaryRules = [
  {
    name: 'apps-stand-alone',
    why: 'Two apps share only what stands in packages/.',
    appliesTo: (path) => path.startsWith('apps/') && isInWorkspace(path),
    check: (file) => refuse(file, (request) => appNames.includes(scopedName(request.specifier)), 'an app imports an app'),
    probes: [{ path: 'apps/scheduler/src/watch/watch.service.ts', text: "import { Queue } from '@pharos/results-service'\n" }],
  },
  {
    name: 'packages-below-apps',
    why: 'A package serves every app and knows none.',
    appliesTo: (path) => path.startsWith('packages/') && isInWorkspace(path),
    check: (file) => refuse(file, (request) => appNames.includes(scopedName(request.specifier)), 'a package imports an app'),
    probes: [{ path: 'packages/scanners/src/index.ts', text: "export * from '@pharos/scanner-worker'\n" }],
  },
  {
    name: 'imports-use-the-front-door',
    why: 'Another workspace package is reached by its name and its exports, never by a path into its sources.',
    appliesTo: isInWorkspace,
    check: (file) =>
      refuse(
        file,
        (request) =>
          (request.specifier.startsWith('.') &&
            file.path.includes('/src/') &&
            workspaceOf(posix.join(posix.dirname(file.path), request.specifier)) !== workspaceOf(file.path)) ||
          /^@pharos\/[^/]+\/(src|dist)\//.test(request.specifier),
        'an import reaches into another package',
      ),
    probes: [
      { path: 'apps/cli/src/commands/scan.ts', text: "import { a } from '../../../api-gateway/src/main.js'\n" },
      { path: 'apps/cli/src/commands/scan.ts', text: "const a = await import('@pharos/contracts/src/scan.js')\n" },
    ],
  },
  {
    name: 'one-database-owner',
    why: 'Only results-service speaks to PostgreSQL; the test kit makes databases for tests.',
    appliesTo: (path) => isInWorkspace(path) && !path.startsWith('apps/results-service/'),
    check: (file) =>
      refuse(
        file,
        (request) => databaseModule.test(request.specifier) && !(file.path.startsWith('packages/test-kit/') && request.specifier === 'pg'),
        'only results-service reads the database',
      ),
    probes: [
      { path: 'apps/api-gateway/src/images/images.service.ts', text: "import pg from 'pg'\n" },
      { path: 'packages/service-kit/src/index.ts', text: "import { DataSource } from 'typeorm'\n" },
      { path: 'packages/test-kit/src/postgres.ts', text: "import { DataSource } from 'typeorm'\n" },
    ],
  },
  {
    name: 'contracts-are-a-leaf',
    why: 'Every process reads the contracts, so they bring nothing but zod.',
    appliesTo: (path) => path.startsWith('packages/contracts/src/'),
    check: (file) =>
      refuse(
        file,
        (request) =>
          !/^\.{1,2}\//.test(request.specifier) &&
          !/^zod(\/|$)/.test(request.specifier) &&
          !(file.isTest && /^(node:.+|vitest|fast-check)$/.test(request.specifier)),
        'contracts import only zod',
      ),
    probes: [
      { path: 'packages/contracts/src/scan.ts', text: "import { Injectable } from '@nestjs/common'\n" },
      { path: 'packages/contracts/src/scan.ts', text: "import { readFileSync } from 'node:fs'\n" },
    ],
  },
  {
    name: 'test-kit-stays-in-tests',
    why: 'What serves tests is not shipped in a service.',
    appliesTo: (path) => isInWorkspace(path) && path.includes('/src/') && !path.startsWith('packages/test-kit/'),
    check: (file) =>
      file.isTest ? [] : refuse(file, (request) => scopedName(request.specifier) === 'test-kit', 'a product source uses the test kit'),
    probes: [{ path: 'apps/scheduler/src/main.ts', text: "import { startPostgres } from '@pharos/test-kit'\n" }],
  },
]
