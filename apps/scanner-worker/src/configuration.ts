import { availableParallelism, hostname } from 'node:os'
import {
  boolean,
  byteSize,
  choice,
  type ConfigurationOf,
  defineConfiguration,
  durationMs,
  httpParameters,
  httpUrl,
  integer,
  list,
  loggingParameters,
  redisParameters,
  serviceIdentityParameters,
  shutdownParameters,
  text,
  tracingParameters,
} from '@pharos/service-kit'

const path = text({ placeholder: 'PATH' })

export const configurationDefinition = defineConfiguration('scanner-worker', 'Resolves, pulls, catalogues and matches images.', {
  http: httpParameters({ port: 8082 }),
  logging: loggingParameters(),
  tracing: tracingParameters(),
  shutdown: shutdownParameters(),
  redis: redisParameters(),
  identity: serviceIdentityParameters(),
  results: {
    url: { schema: httpUrl(), flag: '--results-url', default: 'http://127.0.0.1:8081', description: 'Address of results-service.' },
  },
  worker: {
    id: {
      schema: text({ pattern: /^[\w.:-]{1,150}$/, placeholder: 'NAME' }),
      flag: '--worker-id',
      default: hostname().replaceAll(/[^\w.:-]/g, '-'),
      description: 'Name of this worker in lists; the process id is added to it.',
    },
    slots: {
      schema: integer({ min: 1, max: 256 }),
      flag: '--slots',
      default: String(availableParallelism()),
      description: 'Scans at once.',
    },
    interactiveSlots: {
      schema: integer({ min: 1, max: 64 }),
      flag: '--interactive-slots',
      default: '1',
      description: 'Further slots that only interactive scans use.',
    },
    heartbeatMs: {
      schema: durationMs({ minMs: 100, maxMs: 300_000 }),
      flag: '--heartbeat-interval',
      default: '15s',
      description: 'Time between two reports of this worker on itself.',
    },
  },
  engines: {
    scanEngine: {
      schema: choice(['auto', 'engine', 'commands']),
      flag: '--scan-engine',
      default: 'auto',
      description: 'engine: the long-lived scan engine; commands: syft and grype; auto: the engine where it is built.',
    },
    home: {
      schema: path,
      flag: '--home',
      default: '.pharos',
      description: "Folder of the project's own tools (tools/bin) and, by default, of the caches.",
    },
    searchPath: {
      schema: text({ placeholder: 'DIRS' }),
      flag: '--tool-search-path',
      env: ['PATH'],
      default: '/usr/local/bin:/usr/bin:/bin',
      description: 'Folders, separated by colons, in which tools are looked for.',
    },
    enginePath: { schema: path.optional(), flag: '--engine-path', description: 'The program pharos-engine.' },
    grypePath: { schema: path.optional(), flag: '--grype-path', description: 'The program grype.' },
    syftPath: { schema: path.optional(), flag: '--syft-path', description: 'The program syft.' },
    trivyPath: { schema: path.optional(), flag: '--trivy-path', description: 'The program trivy.' },
    trivyServer: {
      schema: httpUrl().optional(),
      flag: '--trivy-server',
      description: 'Trivy server that holds the database; without it the database of results-service is used.',
    },
    trivyToken: { schema: text().optional(), flag: '--trivy-token', isSecret: true, description: 'Token of the Trivy server.' },
    memorySoftLimitBytes: {
      schema: byteSize({ minBytes: 64 * 1024 ** 2 }),
      flag: '--engine-memory-soft-limit',
      default: '1GiB',
      description: 'Memory past which an engine process is replaced after its scan.',
    },
    memoryLimitBytes: {
      schema: byteSize({ minBytes: 64 * 1024 ** 2 }),
      flag: '--engine-memory-limit',
      default: '3GiB',
      description: 'Memory past which an engine is killed.',
    },
    outputLimitBytes: {
      schema: byteSize({ minBytes: 1024 ** 2, maxBytes: 2 * 1024 ** 3 }),
      flag: '--engine-output-limit',
      default: '512MiB',
      description: 'Largest report or SBOM, unpacked, that is read.',
    },
  },
  rematches: {
    pollMs: {
      schema: durationMs({ minMs: 50, maxMs: 300_000 }),
      flag: '--rematch-poll',
      default: '2s',
      description: 'Time between two looks for packages to match in a new database.',
    },
  },
  enrichers: {
    workers: {
      schema: integer({ min: 1, max: 64 }),
      flag: '--enricher-workers',
      default: '2',
      description: 'Scripts of enrichers that run at once, each in a sandbox of its own. They are there only while there is work.',
    },
    timeoutMs: {
      schema: durationMs({ minMs: 50, maxMs: 300_000 }),
      flag: '--enricher-timeout',
      default: '5s',
      description: 'Longest time of one enricher on one image.',
    },
    memoryBytes: {
      schema: byteSize({ minBytes: 64 * 1024 ** 2, maxBytes: 2 * 1024 ** 3 }),
      flag: '--enricher-memory',
      default: '256MiB',
      description: 'Memory that a script may use.',
    },
    steps: {
      schema: integer({ min: 1_000 }),
      flag: '--enricher-steps',
      default: '10000000',
      description: 'Steps that a Starlark script may take.',
    },
    outputBytes: {
      schema: byteSize({ minBytes: 1024, maxBytes: 64 * 1024 ** 2 }),
      flag: '--enricher-output-limit',
      default: '4MiB',
      description: 'Largest result of a script.',
    },
    httpAllow: {
      schema: list({ item: httpUrl() }),
      flag: '--enricher-http-allow',
      default: '',
      description: 'Addresses, each with its path, below which scripts may send requests; none by default: no network.',
    },
    allowInternal: {
      schema: boolean(),
      flag: '--enricher-allow-internal',
      default: 'false',
      description:
        'Whether the addresses that scripts ask, and those of git repositories with enrichers, may be loopback, link-local or private ones.',
    },
    pollMs: {
      schema: durationMs({ minMs: 50, maxMs: 300_000 }),
      flag: '--enrichment-poll',
      default: '10s',
      description: 'Time between two looks for images to enrich; a message in Redis wakes sooner.',
    },
  },
  images: {
    maxImageBytes: {
      schema: byteSize({ minBytes: 1024 }),
      flag: '--max-image-size',
      default: '10GiB',
      description: 'Largest image, compressed.',
    },
    maxUnpackedBytes: {
      schema: byteSize({ minBytes: 1024 }),
      flag: '--max-unpacked-size',
      default: '32GiB',
      description: 'Largest image, unpacked.',
    },
    maxLayerBytes: {
      schema: byteSize({ minBytes: 1024 }),
      flag: '--max-layer-size',
      default: '16GiB',
      description: 'Largest layer, unpacked.',
    },
    maxFiles: { schema: integer({ min: 1 }), flag: '--max-image-files', default: '2000000', description: 'Most files in an image.' },
  },
  caches: {
    directory: {
      schema: path.optional(),
      flag: '--cache-dir',
      description: 'Folder of layers, databases and temporary files; by default cache/ in the home folder.',
    },
    blobBytes: { schema: byteSize(), flag: '--blob-cache-size', default: '5GiB', description: 'Compressed layers that are kept.' },
    layerBytes: { schema: byteSize(), flag: '--layer-cache-size', default: '10GiB', description: 'Unpacked layers that are kept.' },
    generations: {
      schema: integer({ min: 1, max: 20 }),
      flag: '--kept-databases',
      default: '3',
      description: 'Versions of each vulnerability database that are kept.',
    },
  },
  registries: {
    dockerConfig: {
      schema: path.optional(),
      flag: '--docker-config',
      description: "Folder with Docker's config.json, for registries without a credential of their own.",
    },
  },
  timeouts: {
    resolveMs: {
      schema: durationMs({ minMs: 100 }),
      flag: '--resolve-timeout',
      default: '2m',
      description: 'Longest time to find an image in its registry.',
    },
    pullMs: { schema: durationMs({ minMs: 100 }), flag: '--pull-timeout', default: '30m', description: 'Longest time to pull an image.' },
    catalogueMs: {
      schema: durationMs({ minMs: 100 }),
      flag: '--catalogue-timeout',
      default: '15m',
      description: 'Longest time to catalogue an image.',
    },
    matchMs: {
      schema: durationMs({ minMs: 100 }),
      flag: '--match-timeout',
      default: '10m',
      description: "Longest time of one engine's matching.",
    },
    reportMs: {
      schema: durationMs({ minMs: 100 }),
      flag: '--report-timeout',
      default: '15m',
      description: 'Longest time to hand a report over.',
    },
  },
})
/** The frozen parameters of a scanner-worker. */
export type WorkerConfiguration = ConfigurationOf<typeof configurationDefinition>
