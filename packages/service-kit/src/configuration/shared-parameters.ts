import { boolean, byteSize, choice, decimal, durationMs, httpUrl, integer, pairs, redisUrl, text } from './value-types.js'

/** Shortest secret that services accept from each other: as long as an HMAC-SHA-256 key has bytes (RFC 7518, section 3.2). */
export const SERVICE_KEY_MIN_LENGTH = 32

/** Where the service listens. */
export function httpParameters(defaults: { port: number; bodyLimit?: string }) {
  return {
    host: {
      schema: text({ placeholder: 'HOST' }),
      flag: '--host',
      default: '127.0.0.1',
      description: 'Address to listen on; 0.0.0.0 in a container.',
    },
    port: {
      schema: integer({ min: 0, max: 65_535 }),
      flag: '--port',
      default: String(defaults.port),
      description: 'Port to listen on; 0 for a free one.',
    },
    bodyLimitBytes: {
      schema: byteSize({ minBytes: 1024, maxBytes: 1024 ** 3 }),
      flag: '--body-limit',
      default: defaults.bodyLimit ?? '2MiB',
      description: 'Largest JSON body that is read.',
    },
    trustProxy: {
      schema: boolean(),
      flag: '--trust-proxy',
      default: 'false',
      description: 'Believe X-Forwarded-For and X-Forwarded-Proto; only behind a proxy that sets them.',
    },
    metricsToken: {
      schema: text({ minLength: 16 }).optional(),
      flag: '--metrics-token',
      isSecret: true,
      description: 'Token that a scrape of /metrics must show; without one only this machine may scrape.',
    },
  } as const
}

/** How the service logs. */
export function loggingParameters() {
  return {
    level: {
      schema: choice(['debug', 'info', 'warn', 'error']),
      flag: '--log-level',
      default: 'info',
      description: 'Lowest level that is logged.',
    },
    format: {
      schema: choice(['auto', 'json', 'pretty']),
      flag: '--log-format',
      default: 'auto',
      description: 'json for machines, pretty for people; auto is pretty on a terminal.',
    },
  } as const
}

/** Where traces go. */
export function tracingParameters() {
  return {
    endpoint: {
      schema: httpUrl().optional(),
      flag: '--otlp-endpoint',
      env: ['OTEL_EXPORTER_OTLP_ENDPOINT'],
      description: 'OpenTelemetry collector (OTLP over HTTP), e.g. http://collector:4318; without it trace ids flow but nothing is sent.',
    },
    sampleRatio: {
      schema: decimal({ min: 0, max: 1 }),
      flag: '--trace-sample-ratio',
      default: '1',
      description: 'Share of new traces that are sent.',
    },
  } as const
}

/** Where Redis is. */
export function redisParameters() {
  return {
    url: {
      schema: redisUrl(),
      flag: '--redis-url',
      env: ['REDIS_URL'],
      default: 'redis://127.0.0.1:6379',
      isSecret: true,
      description: 'Redis: redis://, rediss:// (TLS), redis-sentinel://host:port,host:port/MASTER or redis-cluster://host:port,host:port.',
    },
  } as const
}

/** How long the service may take to end. */
export function shutdownParameters() {
  return {
    graceMs: {
      schema: durationMs({ minMs: 0, maxMs: 3_600_000 }),
      flag: '--shutdown-grace',
      default: '30s',
      description: 'Time for requests and jobs to end after SIGTERM.',
    },
    delayMs: {
      schema: durationMs({ minMs: 0, maxMs: 300_000 }),
      flag: '--shutdown-delay',
      default: '0ms',
      description: 'Time between /readyz answering 503 and the end of listening, for load balancers to notice.',
    },
  } as const
}

/** The secret that this service signs its requests to other services with. */
export function serviceIdentityParameters() {
  return {
    key: {
      schema: text({ minLength: SERVICE_KEY_MIN_LENGTH }),
      flag: '--service-key',
      isSecret: true,
      description: 'Secret that this service signs its requests to other services with, at least 32 characters.',
    },
  } as const
}

/** The secrets of the services that may call this one. */
export function serviceTrustParameters() {
  return {
    keys: {
      schema: pairs({ minValueLength: SERVICE_KEY_MIN_LENGTH }),
      flag: '--service-keys',
      isSecret: true,
      description: 'Secrets of the services that may call this one, as name=secret separated by commas.',
    },
  } as const
}
