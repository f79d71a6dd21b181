import { createSecretKey } from 'node:crypto'
import {
  applyDecorators,
  type CanActivate,
  createParamDecorator,
  type DynamicModule,
  type ExecutionContext,
  Inject,
  Injectable,
  Module,
  SetMetadata,
  UseGuards,
} from '@nestjs/common'
import { Reflector } from '@nestjs/core'
import { AuthGuard, PassportStrategy } from '@nestjs/passport'
import { PharosError, type Principal } from '@pharos/contracts'
import type { FastifyRequest } from 'fastify'
import passportJwt from 'passport-jwt'
import { SERVICE_TOKEN_AUDIENCE, type ServiceCaller, ServiceTokenClaims, unverifiedKeyId } from './service-token.js'
import { VerifiedTokens } from './verified-tokens.js'

const { ExtractJwt, Strategy } = passportJwt

/** Name of the passport strategy of tokens between services. */
const SERVICE_STRATEGY = 'pharos-service'

/** Token of the secrets by service. */
const SERVICE_KEYS = Symbol('pharos service keys')

const ALLOWED_SERVICES = 'pharos:allowed-services'

type IdentifiedRequest = FastifyRequest & { serviceCaller?: ServiceCaller }

const bearerOf = ExtractJwt.fromAuthHeaderAsBearerToken() as unknown as (request: FastifyRequest) => string | null

/** Checks the token of a calling service with the secret that its `kid` names. */
@Injectable()
class ServiceTokenStrategy extends PassportStrategy(Strategy, SERVICE_STRATEGY) {
  constructor(
    @Inject(SERVICE_KEYS) keys: ReadonlyMap<string, string>,
    private readonly verified: VerifiedTokens,
  ) {
    // Given a text, jsonwebtoken first tries to read a public key from it, which costs more than all the rest of a request.
    const secrets = new Map([...keys].map(([service, key]) => [service, createSecretKey(Buffer.from(key))]))
    super({
      jwtFromRequest: ExtractJwt.fromAuthHeaderAsBearerToken(),
      algorithms: ['HS256'],
      audience: SERVICE_TOKEN_AUDIENCE,
      jsonWebTokenOptions: { clockTolerance: 5 },
      secretOrKeyProvider: (_request: unknown, token: unknown, done: (error: Error | null, key?: never) => void) => {
        const keyId = typeof token === 'string' ? unverifiedKeyId(token) : undefined
        const key = keyId === undefined ? undefined : secrets.get(keyId)
        if (key === undefined) done(new Error('the token names no service that may call'))
        else done(null, key as never)
      },
      passReqToCallback: true,
    })
  }

  /** Called with verified claims. A service that knows its own secret could still name another as issuer: both must agree. */
  validate(request: FastifyRequest, payload: unknown): ServiceCaller | false {
    const claims = ServiceTokenClaims.safeParse(payload)
    const token = bearerOf(request)
    if (!claims.success || token === null || unverifiedKeyId(token) !== claims.data.iss) return false
    const { iss, principal, exp } = claims.data
    const caller = principal === undefined ? { service: iss } : { service: iss, principal }
    this.verified.keep(token, caller, exp)
    return caller
  }
}

/** Only these services may call; on a handler or a controller with `ServiceGuard`. Without it any known service may. */
export function AllowServices(...services: [string, ...string[]]) {
  return SetMetadata(ALLOWED_SERVICES, services)
}

/** Lets only known services pass, and of them only those that `@AllowServices` names. */
@Injectable()
export class ServiceGuard extends AuthGuard(SERVICE_STRATEGY) implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly verified: VerifiedTokens,
  ) {
    super({ property: 'serviceCaller' })
  }

  override async canActivate(context: ExecutionContext): Promise<boolean> {
    await this.identify(context)
    const allowed = this.reflector.getAllAndOverride<readonly string[] | undefined>(ALLOWED_SERVICES, [
      context.getHandler(),
      context.getClass(),
    ])
    const { service } = callerOf(context)
    if (allowed !== undefined && !allowed.includes(service)) throw new PharosError('forbidden', `The service ${service} may not call this.`)
    return true
  }

  private async identify(context: ExecutionContext): Promise<void> {
    const request = context.switchToHttp().getRequest<IdentifiedRequest>()
    const token = bearerOf(request)
    const known = token === null ? undefined : this.verified.find(token)
    if (known === undefined) await super.canActivate(context)
    else request.serviceCaller = known
  }

  override handleRequest<T>(error: unknown, caller: T | false | null): T {
    if (error instanceof Error) throw error
    if (caller === false || caller === null || caller === undefined) {
      throw new PharosError('unauthenticated', 'This address is for services of Pharos: a valid service token is needed.')
    }
    return caller
  }
}

/** Guards a controller or a handler: services only. */
export function ForServices(...services: [string, ...string[]]) {
  return applyDecorators(UseGuards(ServiceGuard), AllowServices(...services))
}

function callerOf(context: ExecutionContext): ServiceCaller {
  const request = context.switchToHttp().getRequest<IdentifiedRequest>()
  if (request.serviceCaller === undefined) throw new PharosError('unauthenticated', 'No service has been identified.')
  return request.serviceCaller
}

/** The calling service, in a handler behind `ServiceGuard`. */
export const Caller = createParamDecorator((_: unknown, context: ExecutionContext): ServiceCaller => callerOf(context))

/** On whose behalf the service calls; refuses (401) a call that names nobody. */
export const CallerPrincipal = createParamDecorator((_: unknown, context: ExecutionContext): Principal => {
  const { principal } = callerOf(context)
  if (principal === undefined) throw new PharosError('unauthenticated', 'The call must say on whose behalf it is made.')
  return principal
})

/** Gives `ServiceGuard` the secrets of the services that may call. */
@Module({})
export class ServiceAuthModule {
  static register(keys: ReadonlyMap<string, string>): DynamicModule {
    return {
      module: ServiceAuthModule,
      global: true,
      providers: [{ provide: SERVICE_KEYS, useValue: keys }, VerifiedTokens, ServiceTokenStrategy, ServiceGuard],
      exports: [ServiceGuard, VerifiedTokens],
    }
  }
}
