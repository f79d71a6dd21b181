export { CLOCK, type Clock, InjectClock, systemClock } from './clock/clock.js'
export { FakeClock } from './clock/fake-clock.js'
export { type PollOptions, PollTimeoutError, pollUntil } from './clock/poll-until.js'
export {
  httpParameters,
  loggingParameters,
  redisParameters,
  SERVICE_KEY_MIN_LENGTH,
  serviceIdentityParameters,
  serviceTrustParameters,
  shutdownParameters,
  tracingParameters,
} from './configuration/shared-parameters.js'
export { CONFIGURATION, InjectConfiguration } from './configuration/configuration-token.js'
export { type ConfigurationProblem, type LoadedConfiguration, loadConfiguration } from './configuration/load-configuration.js'
export {
  type ConfigurationDefinition,
  type ConfigurationOf,
  defineConfiguration,
  environmentName,
  type Parameter,
  type ParameterGroup,
} from './configuration/parameter.js'
export { processConfiguration } from './configuration/process-configuration.js'
export { renderHelp } from './configuration/render-help.js'
export { renderConfigurationJsonSchema, renderConfigurationMarkdown } from './configuration/render-reference.js'
export {
  boolean,
  byteSize,
  choice,
  decimal,
  durationMs,
  httpUrl,
  integer,
  list,
  pairs,
  postgresUrl,
  redisUrl,
  text,
} from './configuration/value-types.js'
export { httpHealth, redisHealth } from './health/health-checks.js'
export { type HealthCheck, type HealthCheckResult, HealthRegistry, type Readiness } from './health/health-registry.js'
export { STREAM_CONTENT_TYPES } from './http/body-parsers.js'
export { createService, type CreateServiceOptions, type HttpOptions, type Service } from './http/create-service.js'
export { toPharosError } from './http/error-mapping.js'
export { PROBLEM_MEDIA_TYPE } from './http/problem-filter.js'
export { BodyLimit, type BodyRouteConfig, limitBytes, RawBody, StreamBody, tooLarge } from './http/stream-body.js'
export { parseStrictJson } from './http/strict-json.js'
export { contentHash, matchContentHash, textHash, uuidOf, vulnerabilityContentHash, vulnerabilityKey } from './content/content-hash.js'
export { ValidBody, ValidHeaders, ValidParams, ValidQuery, ZodPipe } from './http/zod-pipe.js'
export { issuesToPointers, parseRequestPart, type RequestPart } from './http/zod-problems.js'
export {
  AllowServices,
  Caller,
  CallerPrincipal,
  ForServices,
  ServiceAuthModule,
  ServiceGuard,
} from './identity/service-auth.js'
export {
  type HttpMethod,
  type ServiceCall,
  ServiceClient,
  type ServiceClientOptions,
  type StreamedAnswer,
} from './identity/service-client.js'
export { type ServiceCaller, ServiceTokenSigner } from './identity/service-token.js'
export { type DrainOutcome, drain } from './lifecycle/drain.js'
export { type BaseConfiguration, runService, type RunServiceOptions } from './lifecycle/run-service.js'
export { currentLogContext, type LogContext, withLogContext } from './logging/log-context.js'
export { createLogger, type LogFields, type LoggerOptions, type LogLevel, PharosLogger, silentLogger } from './logging/pharos-logger.js'
export { isSecretField, redact, REDACTED, redactText } from './logging/redact.js'
export {
  type GaugeOptions,
  type HistogramOptions,
  type MetricName,
  type MetricOptions,
  Metrics,
  SECONDS_BUCKETS,
} from './metrics/metrics.js'
export { checkEvictionPolicy, readEvictionPolicy } from './queues/eviction-policy.js'
export { JobRunner, withTrace } from './queues/job-runner.js'
export { Quarantine, type QuarantinedPayload } from './queues/quarantine.js'
export { QueuesModule, type QueuesOptions } from './queues/queues-module.js'
export {
  closeRedis,
  createRedis,
  InjectRedis,
  REDIS,
  type RedisClient,
  type RedisRole,
  redisRoleOptions,
} from './queues/redis-connection.js'
export { redisOptionsFromUrl } from './queues/redis-options.js'
export { type RedisSubscription, subscribeRedis } from './queues/redis-subscription.js'
export { currentTraceId, injectTraceContext, type TraceCarrier, withExtractedTraceContext, withSpan } from './tracing/trace-context.js'
export { startTracing, type Tracing, type TracingOptions } from './tracing/tracing.js'
export { PharosError } from '@pharos/contracts'
