import {
  byteSize,
  type ConfigurationOf,
  decimal,
  defineConfiguration,
  durationMs,
  httpParameters,
  integer,
  list,
  loggingParameters,
  postgresUrl,
  redisParameters,
  serviceTrustParameters,
  shutdownParameters,
  text,
  tracingParameters,
} from '@pharos/service-kit'
import { EngineName } from '@pharos/contracts'

const kilobyte = 1024
const hourMs = 3_600_000

/** Parameters of the database, also those of the migration command. */
export const databaseParameters = {
  url: {
    schema: postgresUrl(),
    flag: '--database-url',
    env: ['DATABASE_URL'],
    isSecret: true,
    description: 'PostgreSQL 15 or newer, e.g. postgres://pharos@db/pharos.',
  },
  poolSize: {
    schema: integer({ min: 2, max: 200 }),
    flag: '--database-pool',
    default: '16',
    description: 'Most connections of this replica to PostgreSQL.',
  },
} as const

/** Every parameter of results-service. */
export const configurationDefinition = defineConfiguration('results-service', 'The only owner of PostgreSQL: tasks, results, inventory.', {
  http: httpParameters({ port: 8081, bodyLimit: '64MiB' }),
  logging: loggingParameters(),
  tracing: tracingParameters(),
  shutdown: shutdownParameters(),
  redis: redisParameters(),
  trust: serviceTrustParameters(),
  database: databaseParameters,
  access: {
    encryptionKeys: {
      schema: text(),
      flag: '--encryption-keys',
      isSecret: true,
      description: 'Keys for stored registry credentials as id=base64 of 32 bytes, separated by commas; the first one encrypts.',
    },
    bootstrapAdminToken: {
      schema: text({ pattern: /^phr_[A-Za-z0-9-]{12}_[A-Za-z0-9-]{43}$/ }).optional(),
      flag: '--bootstrap-admin-token',
      isSecret: true,
      description: 'API token with the role admin that exists from the start, phr_<12 characters>_<43 characters>.',
    },
  },
  scans: {
    defaultEngines: {
      schema: list({ item: EngineName }),
      flag: '--default-engines',
      default: 'grype',
      description: 'Engines of a scan that names none.',
    },
    leaseMs: {
      schema: durationMs({ minMs: 1000, maxMs: hourMs }),
      flag: '--lease',
      default: '30s',
      description: 'Time after which a worker that says nothing has lost its attempt.',
    },
    maxAttempts: {
      schema: integer({ min: 1, max: 50 }),
      flag: '--max-attempts',
      default: '5',
      description: 'Attempts of a task that fails in a transient way.',
    },
    maxCrashes: {
      schema: integer({ min: 1, max: 20 }),
      flag: '--max-crashes',
      default: '2',
      description: 'Lost workers after which an image is put aside.',
    },
    databaseMaxAgeMs: {
      schema: durationMs({ minMs: hourMs }),
      flag: '--database-max-age',
      default: '120h',
      description: 'Age at which a vulnerability database counts as stale.',
    },
    maxReportBytesInFlight: {
      schema: byteSize({ minBytes: 64 * kilobyte }),
      flag: '--max-report-bytes-in-flight',
      default: '64MiB',
      description: 'Bytes of reports that are stored at once; beyond it workers are told to come back.',
    },
    maxReportBytes: {
      schema: byteSize({ minBytes: 64 * kilobyte }),
      flag: '--max-report-bytes',
      default: '256MiB',
      description: 'Largest report, uncompressed.',
    },
  },
  exports: {
    atOnce: {
      schema: integer({ min: 1, max: 50 }),
      flag: '--max-exports',
      default: '3',
      description: 'Exports that this replica serves at once; each holds a connection to PostgreSQL.',
    },
    maxDurationMs: {
      schema: durationMs({ minMs: 1000, maxMs: 12 * hourMs }),
      flag: '--export-max-duration',
      default: '15m',
      description: 'Longest time that an export may take; then it is broken off, since its snapshot keeps old rows.',
    },
    stallMs: {
      schema: durationMs({ minMs: 100, maxMs: 100_000 }),
      flag: '--export-stall',
      default: '60s',
      description: 'Time after which an export is broken off whose client takes nothing.',
    },
  },
  history: {
    horizonMs: {
      schema: durationMs({ minMs: hourMs }),
      flag: '--history-horizon',
      default: '400d',
      description: 'How far back history is told: differences between moments, and what was known at a moment.',
    },
  },
  rematches: {
    chunkPackages: {
      schema: integer({ min: 1, max: 20_000 }),
      flag: '--rematch-chunk-packages',
      default: '1000',
      description: 'Packages that a worker is given at once when the fleet is matched in another database.',
    },
    chunkVulnerabilities: {
      schema: integer({ min: 1, max: 50_000 }),
      flag: '--rematch-chunk-vulnerabilities',
      default: '5000',
      description: 'Vulnerabilities whose scores a worker is asked for at once.',
    },
    leaseMs: {
      schema: durationMs({ minMs: 1000, maxMs: hourMs }),
      flag: '--rematch-lease',
      default: '60s',
      description: 'Time after which a worker that says nothing has lost its part of a re-match.',
    },
    patienceMs: {
      schema: durationMs({ minMs: 1000 }),
      flag: '--rematch-patience',
      default: '10m',
      description: 'Time without a worker that takes part, after which the rest of the fleet is left to scans.',
    },
    epssEventThreshold: {
      schema: decimal({ min: 0, max: 1 }),
      flag: '--epss-event-threshold',
      default: '0.1',
      description:
        'An EPSS that goes over or falls under this probability in a new database is an event of its findings; other moves are not.',
    },
  },
  enrichment: {
    chunkSubjects: {
      schema: integer({ min: 1, max: 1000 }),
      flag: '--enrichment-chunk-subjects',
      default: '16',
      description: 'Images and workloads whose enrichers a worker is given at once.',
    },
    chunkFacts: {
      schema: integer({ min: 1, max: 1_000_000 }),
      flag: '--enrichment-chunk-facts',
      default: '20000',
      description: 'Packages and findings of these together; a larger image comes alone.',
    },
    leaseMs: {
      schema: durationMs({ minMs: 1000, maxMs: hourMs }),
      flag: '--enrichment-lease',
      default: '60s',
      description: 'Time after which a worker that says nothing has lost its part of an enrichment.',
    },
    keptSets: {
      schema: integer({ min: 1, max: 1000 }),
      flag: '--enricher-sets',
      default: '20',
      description: 'Sets of enrichers that are kept beside the active one; the oldest go.',
    },
  },
  retention: {
    imageAgeMs: {
      schema: durationMs(),
      flag: '--image-retention',
      default: '90d',
      description:
        'An image that does not run, is no base of another and was led to by no submit or watched tag for so long is removed; 0 keeps all.',
    },
    imageByteBudget: {
      schema: byteSize({ minBytes: kilobyte }),
      flag: '--image-byte-budget',
      default: '1MiB',
      description: 'Bytes in PostgreSQL that an image may take on average, its SBOM included; see GET /system/storage.',
    },
  },
  upkeep: {
    sweepIntervalMs: {
      schema: durationMs({ minMs: 50, maxMs: 60_000 }),
      flag: '--sweep-interval',
      default: '1s',
      description: 'Time between two looks for unrelayed attempts and lapsed leases.',
    },
    taskRetentionMs: {
      schema: durationMs({ minMs: hourMs }),
      flag: '--task-retention',
      default: '30d',
      description: 'How long ended tasks are kept.',
    },
    eventRetentionMs: {
      schema: durationMs({ minMs: hourMs }),
      flag: '--event-retention',
      default: '30d',
      description: 'How long events are kept at least; they go a month at a time.',
    },
    auditRetentionMs: {
      schema: durationMs({ minMs: hourMs }),
      flag: '--audit-retention',
      default: '365d',
      description: 'How long the audit log is kept.',
    },
  },
})

/** The frozen tree of results-service's parameters. */
export type ResultsConfiguration = ConfigurationOf<typeof configurationDefinition>
