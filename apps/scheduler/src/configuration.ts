import {
  boolean,
  byteSize,
  type ConfigurationOf,
  defineConfiguration,
  durationMs,
  httpParameters,
  httpUrl,
  integer,
  loggingParameters,
  redisParameters,
  serviceIdentityParameters,
  shutdownParameters,
  text,
  tracingParameters,
} from '@pharos/service-kit'

/** Every parameter of the scheduler. */
export const configurationDefinition = defineConfiguration(
  'scheduler',
  'Everything in Pharos that happens because time passes: rescans, tag watch, database updates, expiry.',
  {
    http: httpParameters({ port: 8083 }),
    logging: loggingParameters(),
    tracing: tracingParameters(),
    shutdown: shutdownParameters(),
    redis: redisParameters(),
    identity: serviceIdentityParameters(),
    results: {
      url: { schema: httpUrl(), flag: '--results-url', default: 'http://127.0.0.1:8081', description: 'Address of results-service.' },
    },
    schedules: {
      claimIntervalMs: {
        schema: durationMs({ minMs: 100 }),
        flag: '--claim-interval',
        default: '2s',
        description: 'Time between two looks for due schedules and candidate databases.',
      },
      claimLimit: {
        schema: integer({ min: 1, max: 50 }),
        flag: '--claim-limit',
        default: '5',
        description: 'Due schedules that are taken at once; each replica runs so many side by side.',
      },
    },
    rescans: {
      afterMs: {
        schema: durationMs({ minMs: 60_000 }),
        flag: '--rescan-after',
        default: '24h',
        description: 'A stored image is scanned again when its last scan is older than this.',
      },
    },
    databases: {
      feedUrl: {
        schema: httpUrl(),
        flag: '--grype-database-url',
        default: 'https://grype.anchore.io/databases/v6/latest.json',
        description: "Listing of Grype's database; an own mirror serves latest.json and the archives beside it.",
      },
      isUpdateEnabled: {
        schema: boolean(),
        flag: '--database-updates',
        default: 'true',
        description: 'Look for newer databases; without it databases are imported by hand.',
      },
      downloadTimeoutMs: {
        schema: durationMs({ minMs: 1000 }),
        flag: '--database-download-timeout',
        default: '30m',
        description: 'Longest time for the download of a database.',
      },
      archiveLimitBytes: {
        schema: byteSize({ minBytes: 1024 * 1024 }),
        flag: '--database-archive-limit',
        default: '2GiB',
        description: 'Largest database archive that is read.',
      },
      cacheDirectory: {
        schema: text(),
        flag: '--cache-directory',
        default: '/var/cache/pharos/scheduler',
        description: 'Folder for archives while they are checked.',
      },
      grypePath: {
        schema: text().optional(),
        flag: '--grype-path',
        description: 'The grype command that opens candidate databases; by default it is looked for on PATH, then in the tools folder.',
      },
      canary: {
        schema: text({ placeholder: 'builtin|off|FILE' }),
        flag: '--canary',
        default: 'builtin',
        description:
          'What a new database must find before it judges the fleet: builtin, off, or a JSON file of expectations (docs/rematch.md). It needs the scan engine.',
      },
      enginePath: {
        schema: text().optional(),
        flag: '--engine-path',
        description: 'The program pharos-engine that tries the canary; by default it is looked for on PATH, then in the tools folder.',
      },
      toolsDirectory: {
        schema: text(),
        flag: '--tools-directory',
        default: '/opt/pharos/bin',
        description: 'Folder with scanner commands.',
      },
      searchPath: {
        schema: text(),
        flag: '--search-path',
        env: ['PATH'],
        default: '/usr/local/bin:/usr/bin:/bin',
        description: 'Folders in which commands are looked for.',
      },
    },
  },
)

/** The frozen tree. */
export type SchedulerConfiguration = ConfigurationOf<typeof configurationDefinition>
