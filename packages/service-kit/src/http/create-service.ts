import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { type DynamicModule, Module, type Type } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { CLOCK, type Clock, systemClock } from '../clock/clock.js'
import { CONFIGURATION } from '../configuration/configuration-token.js'
import { HealthRegistry } from '../health/health-registry.js'
import { addOperationalRoutes } from '../health/operational-routes.js'
import { NestLogger } from '../logging/nest-logger.js'
import { PharosLogger } from '../logging/pharos-logger.js'
import { Metrics } from '../metrics/metrics.js'
import { addBodyParsers, STREAM_CONTENT_TYPES } from './body-parsers.js'
import { toPharosError } from './error-mapping.js'
import { ProblemFilter, sendProblem } from './problem-filter.js'
import { observeRequests } from './request-observer.js'
import { RouteTable } from './route-table.js'

/** How a service answers HTTP. */
export interface HttpOptions {
  /** Largest JSON body that is read; default 2 MiB. */
  readonly bodyLimitBytes?: number
  /** Believe X-Forwarded-*. */
  readonly trustProxy?: boolean
  /** Token that a scrape of /metrics must show; without one only this machine may scrape. */
  readonly metricsToken?: string | undefined
  /** Media types whose bodies arrive unread as streams. */
  readonly streamContentTypes?: readonly string[]
  /** Longest time for a request to arrive completely; 0 is none. Default 5 minutes, which is Node's. */
  readonly requestTimeoutMs?: number
  /** Longest path parameter; default 1024, since references and digests stand in paths. */
  readonly maxParamLength?: number
}

/** What a service is made of. */
export interface CreateServiceOptions<C> {
  /** The app's module, or what makes it of the configuration. */
  readonly module: Type | DynamicModule | ((configuration: C) => Type | DynamicModule)
  readonly configuration: C
  readonly logger: PharosLogger
  readonly http?: HttpOptions
  readonly clock?: Clock
  /** Called with Fastify before the routes are added: plugins, hooks, routes beneath Nest. */
  readonly prepare?: (fastify: FastifyInstance) => Promise<void> | void
}

/** A service that is made and does not listen yet. */
export interface Service {
  readonly app: NestFastifyApplication
  readonly health: HealthRegistry
  readonly metrics: Metrics
}

/** Holds what is injected everywhere. */
@Module({})
class ServiceKitModule {}

/** Makes a service: Nest on Fastify, with all that this package gives. It listens when `app.listen` is called. */
export async function createService<C>(options: CreateServiceOptions<C>): Promise<Service> {
  const { configuration, logger, http = {} } = options
  const health = new HealthRegistry()
  const metrics = new Metrics()
  metrics.collectProcessMetrics()
  const adapter = new FastifyAdapter({
    trustProxy: http.trustProxy ?? false,
    requestTimeout: http.requestTimeoutMs ?? 300_000,
    // The router refuses a path that does not decode before any hook or filter could run.
    frameworkErrors: (error: Error, request: FastifyRequest, reply: FastifyReply) =>
      sendProblem(reply, toPharosError(error), { instance: request.url.split('?', 1)[0] ?? '/' }),
    // The body parsers apply the limit themselves, by route.
    bodyLimit: Number.MAX_SAFE_INTEGER,
    routerOptions: { maxParamLength: http.maxParamLength ?? 1024 },
    // A caller's request id is taken over when it is harmless in a log.
    genReqId: (request: IncomingMessage) => {
      const given = request.headers['x-request-id']
      return typeof given === 'string' && /^[\w.-]{1,128}$/.test(given) ? given : randomUUID()
    },
  })
  const fastify = adapter.getInstance() as unknown as FastifyInstance
  const routes = new RouteTable()
  routes.watch(fastify)
  observeRequests(fastify, { logger, metrics })
  addBodyParsers(fastify, {
    bodyLimitBytes: http.bodyLimitBytes ?? 2 * 1024 * 1024,
    streamContentTypes: http.streamContentTypes ?? STREAM_CONTENT_TYPES,
  })
  addOperationalRoutes(fastify, { health, metrics, logger, metricsToken: http.metricsToken })
  await options.prepare?.(fastify)

  const providers = [
    { provide: PharosLogger, useValue: logger },
    { provide: Metrics, useValue: metrics },
    { provide: HealthRegistry, useValue: health },
    { provide: CONFIGURATION, useValue: configuration },
    { provide: CLOCK, useValue: options.clock ?? systemClock },
  ]
  const root: DynamicModule = {
    module: ServiceKitModule,
    global: true,
    imports: [resolveModule(options.module, configuration)],
    providers,
    exports: providers.map((provider) => provider.provide),
  }
  const app = await NestFactory.create<NestFastifyApplication>(root, adapter, {
    bodyParser: false,
    logger: new NestLogger(logger),
    abortOnError: false,
  })
  app.useGlobalFilters(new ProblemFilter(logger, routes))
  return { app, health, metrics }
}

function resolveModule<C>(module: CreateServiceOptions<C>['module'], configuration: C): Type | DynamicModule {
  if (typeof module !== 'function') return module
  // A class has a prototype that cannot be written; a function or an arrow has not.
  const isClass = Object.getOwnPropertyDescriptor(module, 'prototype')?.writable === false
  return isClass ? (module as Type) : (module as (configuration: C) => Type | DynamicModule)(configuration)
}
