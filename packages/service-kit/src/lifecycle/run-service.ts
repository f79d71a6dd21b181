import type { DynamicModule, Type } from '@nestjs/common'
import type { NestFastifyApplication } from '@nestjs/platform-fastify'
import type { FastifyInstance } from 'fastify'
import { loadConfiguration } from '../configuration/load-configuration.js'
import type { ConfigurationDefinition, ConfigurationOf, ParameterGroup } from '../configuration/parameter.js'
import { createService, type HttpOptions, type Service } from '../http/create-service.js'
import { createLogger, type LogLevel, type PharosLogger } from '../logging/pharos-logger.js'
import { startTracing } from '../tracing/tracing.js'
import { drain } from './drain.js'

/** Groups that every service has, under these names. */
export interface BaseConfiguration {
  readonly http: {
    readonly host: string
    readonly port: number
    readonly bodyLimitBytes: number
    readonly trustProxy: boolean
    readonly metricsToken?: string | undefined
  }
  readonly logging: { readonly level: LogLevel; readonly format: 'auto' | 'json' | 'pretty' }
  readonly tracing: { readonly endpoint?: string | undefined; readonly sampleRatio: number }
  readonly shutdown: { readonly graceMs: number; readonly delayMs: number }
}

/** What `runService` needs to know. */
export interface RunServiceOptions<G extends Readonly<Record<string, ParameterGroup>>> {
  readonly definition: ConfigurationDefinition<G>
  readonly module: Type | DynamicModule | ((configuration: ConfigurationOf<ConfigurationDefinition<G>>) => Type | DynamicModule)
  readonly http?: Omit<HttpOptions, 'bodyLimitBytes' | 'trustProxy' | 'metricsToken'>
  readonly prepare?: (fastify: FastifyInstance, configuration: ConfigurationOf<ConfigurationDefinition<G>>) => Promise<void> | void
  /** Called once the service listens. */
  readonly started?: (service: Service, configuration: ConfigurationOf<ConfigurationDefinition<G>>) => Promise<void> | void
}

/**
 * The life of a service's process: configuration (all problems at once, exit 1), tracing, Nest, listening, and its end.
 * SIGTERM and SIGINT drain within the grace time; the second signal exits at once with 128 + its number. An error that nobody
 * caught is logged and exits 1.
 */
export async function runService<const G extends Readonly<Record<string, ParameterGroup>>>(options: RunServiceOptions<G>): Promise<void> {
  const { definition } = options
  const loaded = loadConfiguration(definition, process.argv.slice(2), process.env)
  if (loaded.kind === 'help') {
    process.stdout.write(loaded.text)
    return
  }
  if (loaded.kind === 'invalid') {
    const lines = loaded.problems.map((problem) => `  ${problem.flag} ${problem.detail}`)
    process.stderr.write(
      `${definition.appName} cannot start; its parameters have ${lines.length} problem${lines.length === 1 ? '' : 's'}:\n${lines.join('\n')}\n`,
    )
    process.exit(1)
  }
  const { configuration } = loaded
  const base = baseOf(configuration)
  const logger = createLogger({ service: definition.appName, level: base.logging.level, format: base.logging.format })
  exitOnUncaughtErrors(logger)
  const tracing = startTracing({ service: definition.appName, endpoint: base.tracing.endpoint, sampleRatio: base.tracing.sampleRatio })
  const { prepare } = options
  let service: Service
  try {
    service = await createService({
      module: options.module,
      configuration,
      logger,
      http: {
        ...options.http,
        bodyLimitBytes: base.http.bodyLimitBytes,
        trustProxy: base.http.trustProxy,
        metricsToken: base.http.metricsToken,
      },
      ...(prepare === undefined ? {} : { prepare: (fastify: FastifyInstance) => prepare(fastify, configuration) }),
    })
    drainOnSignals(service, base, logger, () => tracing.shutdown())
    await service.app.listen({ host: base.http.host, port: base.http.port })
  } catch (error) {
    logger.error('service failed to start', { error })
    process.exit(1)
  }
  logger.info('service listening', { address: addressOf(service.app), processId: process.pid, nodeVersion: process.version })
  await options.started?.(service, configuration)
}

function baseOf(configuration: unknown): BaseConfiguration {
  const base = configuration as Partial<BaseConfiguration>
  for (const group of ['http', 'logging', 'tracing', 'shutdown'] as const) {
    if (base[group] === undefined) throw new Error(`the configuration lacks the group ${group}: add ${group}Parameters()`)
  }
  return base as BaseConfiguration
}

function addressOf(app: NestFastifyApplication): string {
  const address = app.getHttpServer().address()
  if (address === null || typeof address === 'string') return String(address)
  return `http://${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`
}

function drainOnSignals(service: Service, base: BaseConfiguration, logger: PharosLogger, stopTracing: () => Promise<void>): void {
  let isDraining = false
  const onSignal = (signal: NodeJS.Signals) => {
    if (isDraining) {
      logger.warn('service cut short', { signal })
      process.exit(signal === 'SIGINT' ? 130 : 143)
    }
    isDraining = true
    logger.info('service draining', { signal, graceMs: base.shutdown.graceMs })
    void drain(service, { ...base.shutdown, stopTracing }).then(
      (outcome) => {
        logger.info('service ended', { outcome })
        process.exit(outcome === 'drained' ? 0 : 1)
      },
      (error: unknown) => {
        logger.error('service failed to drain', { error })
        process.exit(1)
      },
    )
  }
  process.on('SIGTERM', onSignal)
  process.on('SIGINT', onSignal)
}

function exitOnUncaughtErrors(logger: PharosLogger): void {
  process.on('uncaughtException', (error) => {
    logger.error('service crashed', { error, origin: 'uncaughtException' })
    process.exit(1)
  })
  process.on('unhandledRejection', (error) => {
    logger.error('service crashed', { error, origin: 'unhandledRejection' })
    process.exit(1)
  })
}
