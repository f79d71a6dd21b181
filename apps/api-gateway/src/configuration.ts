import {
  type ConfigurationOf,
  decimal,
  defineConfiguration,
  durationMs,
  httpParameters,
  httpUrl,
  integer,
  loggingParameters,
  redisParameters,
  serviceIdentityParameters,
  shutdownParameters,
  tracingParameters,
} from '@pharos/service-kit'

/** Every parameter of the gateway. */
export const configurationDefinition = defineConfiguration(
  'api-gateway',
  'The only public door of Pharos: REST, OpenAPI, authentication, limits, progress streams.',
  {
    http: httpParameters({ port: 8080 }),
    logging: loggingParameters(),
    tracing: tracingParameters(),
    shutdown: shutdownParameters(),
    redis: redisParameters(),
    identity: serviceIdentityParameters(),
    results: {
      url: { schema: httpUrl(), flag: '--results-url', default: 'http://127.0.0.1:8081', description: 'Address of results-service.' },
      timeoutMs: {
        schema: durationMs({ minMs: 100 }),
        flag: '--results-timeout',
        default: '60s',
        description: 'Longest time that results-service may take to begin an answer.',
      },
    },
    access: {
      cacheMs: {
        schema: durationMs({ maxMs: 300_000 }),
        flag: '--access-cache',
        default: '30s',
        description: 'How long a verified token or password is trusted without asking again; a revoked one works at most this long.',
      },
      passwordChecks: {
        schema: integer({ min: 1, max: 64 }),
        flag: '--password-checks',
        default: '2',
        description: 'Passwords that are verified at once; more wait their turn.',
      },
    },
    limits: {
      perSecond: {
        schema: decimal({ min: 0.1 }),
        flag: '--rate-limit',
        default: '1000',
        description: 'Requests a second for each caller and replica, lasting.',
      },
      burst: {
        schema: integer({ min: 1 }),
        flag: '--rate-burst',
        default: '2000',
        description: 'Requests that a caller may send at once before the rate counts.',
      },
      anonymousPerSecond: {
        schema: decimal({ min: 0.1 }),
        flag: '--anonymous-rate-limit',
        default: '5',
        description: 'Refused sign-ins a second for each address.',
      },
      anonymousBurst: {
        schema: integer({ min: 1 }),
        flag: '--anonymous-rate-burst',
        default: '20',
        description: 'Refused sign-ins at once for each address.',
      },
      inFlight: {
        schema: integer({ min: 1 }),
        flag: '--max-in-flight',
        default: '2000',
        description: 'Requests that are answered at once, waiting ones and streams included.',
      },
      inFlightPerCaller: {
        schema: integer({ min: 1 }),
        flag: '--max-in-flight-per-caller',
        default: '500',
        description: 'The same for one caller.',
      },
    },
    scans: {
      pollMs: {
        schema: durationMs({ minMs: 100 }),
        flag: '--task-poll',
        default: '2s',
        description: 'How often a waiting request reads its task when no news comes from Redis.',
      },
      heartbeatMs: {
        schema: durationMs({ minMs: 1000 }),
        flag: '--stream-heartbeat',
        default: '15s',
        description: 'Time between two comments that keep an idle event stream open.',
      },
    },
  },
)

/** The frozen tree. */
export type GatewayConfiguration = ConfigurationOf<typeof configurationDefinition>
