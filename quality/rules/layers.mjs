import { posix } from 'node:path'

const databaseModule = /^(typeorm|pg|@nestjs\/typeorm)(\/|$)/
const edgePattern = /\.(controller|consumer)\.ts$/
const servicePattern = /\.service\.ts$/

/** Which roles a file of a role may import; the road goes one way: edge -> service -> repository | client. */
const forbiddenTargets = {
  controller: ['repository', 'entity', 'client', 'consumer'],
  consumer: ['repository', 'entity', 'client', 'controller'],
  service: ['controller', 'consumer', 'module'],
  repository: ['service', 'controller', 'consumer', 'module'],
  client: ['service', 'repository', 'controller', 'consumer', 'module'],
  entity: ['service', 'repository', 'controller', 'consumer', 'client', 'module'],
}

/** `service` of `findings.service.ts` or of the specifier `./findings.service.js`. */
function roleOf(path) {
  return /\.([a-z]+)\.(ts|js)$/.exec(path)?.[1]
}

function refuse(file, isRefused, message) {
  return file.imports.filter(isRefused).map((request) => ({ line: request.line, message: `${message}: ${request.specifier}` }))
}

/** @type {import('../run-rules.mjs').Rule[]} */
export const layerRules = [
  {
    name: 'layers-go-one-way',
    why: 'controller | consumer -> service -> repository | client.',
    appliesTo: (path) => /^(apps|packages)\/.+\/src\//.test(path) && roleOf(path) in forbiddenTargets,
    check: (file) => {
      const role = roleOf(file.path)
      return refuse(
        file,
        (request) => request.specifier.startsWith('.') && forbiddenTargets[role].includes(roleOf(request.specifier)),
        `a ${role} imports against the direction of the layers`,
      )
    },
    probes: [
      { path: 'apps/results-service/src/images/images.controller.ts', text: "import { ImagesRepository } from './images.repository.js'\n" },
      { path: 'apps/scanner-worker/src/scan/scan.consumer.ts', text: "import { ResultsClient } from '../results/results.client.js'\n" },
      { path: 'apps/results-service/src/images/images.service.ts', text: "import { ImagesController } from './images.controller.js'\n" },
      { path: 'apps/results-service/src/images/images.repository.ts', text: "import { ImagesService } from './images.service.js'\n" },
      { path: 'apps/scheduler/src/results/results.client.ts', text: "import { WatchService } from '../watch/watch.service.js'\n" },
    ],
  },
  {
    name: 'repositories-are-private',
    why: "A feature asks another feature's service, never its repository.",
    appliesTo: (path) => /^apps\/.+\.(service|controller|consumer)\.ts$/.test(path),
    check: (file) =>
      refuse(
        file,
        (request) => roleOf(request.specifier) === 'repository' && posix.dirname(posix.normalize(request.specifier)).startsWith('..'),
        "a feature uses another feature's repository",
      ),
    probes: [
      {
        path: 'apps/results-service/src/images/images.service.ts',
        text: "import { ScansRepository } from '../scans/scans.repository.js'\n",
      },
    ],
  },
  {
    name: 'edges-know-no-database',
    why: 'A controller or consumer parses, calls one service method and maps the answer.',
    appliesTo: (path) => edgePattern.test(path),
    check: (file) => refuse(file, (request) => databaseModule.test(request.specifier), 'an edge knows the database'),
    probes: [
      { path: 'apps/results-service/src/images/images.controller.ts', text: "import { DataSource } from 'typeorm'\n" },
      { path: 'apps/results-service/src/relay/relay.consumer.ts', text: "import type { Pool } from 'pg'\n" },
    ],
  },
  {
    name: 'services-know-no-transport',
    why: 'The rule of a feature must not depend on HTTP exceptions, the queue library, Redis or the database library.',
    appliesTo: (path) => servicePattern.test(path),
    check: (file) =>
      refuse(
        file,
        (request) =>
          /^(bullmq|@nestjs\/bullmq|typeorm|@nestjs\/typeorm|pg|ioredis)(\/|$)/.test(request.specifier) ||
          (request.specifier === '@nestjs/common' && request.names.some((name) => /Exception$|^HttpStatus$/.test(name))),
        'a service knows its transport',
      ),
    probes: [
      { path: 'apps/results-service/src/scans/scans.service.ts', text: "import { NotFoundException } from '@nestjs/common'\n" },
      { path: 'apps/results-service/src/scans/scans.service.ts', text: "import { Queue } from 'bullmq'\n" },
      { path: 'apps/results-service/src/scans/scans.service.ts', text: "import type { DataSource } from 'typeorm'\n" },
      { path: 'apps/scheduler/src/watch/watch.service.ts', text: "import { Redis } from 'ioredis'\n" },
    ],
  },
  {
    name: 'entities-live-with-their-owner',
    why: 'Tables belong to results-service, and so do the files that map and query them.',
    appliesTo: (path) => /^(apps|packages)\//.test(path),
    check: (file) =>
      /\.(entity|repository)\.ts$/.test(file.path) && !file.path.startsWith('apps/results-service/')
        ? [{ line: 1, message: 'an entity or repository outside of results-service' }]
        : [],
    probes: [{ path: 'apps/scheduler/src/watch/watch.repository.ts', text: 'export class WatchRepository {}\n' }],
  },
  {
    name: 'environment-is-read-once',
    why: "service-kit's configuration reads the environment, reports every problem at once and injects a frozen tree.",
    appliesTo: (path) =>
      /^(apps|packages)\/.+\/src\//.test(path) &&
      !path.startsWith('packages/test-kit/') &&
      !path.startsWith('packages/service-kit/src/config'),
    check: (file) => {
      if (file.isTest) return []
      const findings = []
      file.visit({
        MemberExpression(node) {
          if (node.object.type !== 'Identifier' || node.object.name !== 'process') return
          const property = node.computed ? node.property.value : node.property.name
          if (property === 'env')
            findings.push({ line: file.lineOf(node.start), message: 'process.env is read outside of the configuration' })
        },
      })
      return findings
    },
    probes: [
      { path: 'apps/scheduler/src/main.ts', text: 'export const url = process.env.REDIS_URL\n' },
      { path: 'packages/scanners/src/find-tool.ts', text: "export const path = process['env']['PATH']\n" },
    ],
  },
]
