import type { Readable } from 'node:stream'
import { Body, Controller, Get, HttpCode, Injectable, Module, Param, Post, Put, UseGuards, type DynamicModule } from '@nestjs/common'
import { PharosError, type Principal } from '@pharos/contracts'
import { z } from 'zod'
import {
  AllowServices,
  Caller,
  CallerPrincipal,
  currentLogContext,
  currentTraceId,
  PharosLogger,
  RawBody,
  ServiceAuthModule,
  ServiceGuard,
  StreamBody,
  ValidBody,
  ValidParams,
  ValidQuery,
  type ServiceCaller,
} from '../index.js'

const Greeting = z.strictObject({ name: z.string().min(1), address: z.strictObject({ city: z.string() }).optional() })
type Greeting = z.infer<typeof Greeting>
const Page = z.object({ limit: z.coerce.number().int().max(10).default(5) })
type Page = z.infer<typeof Page>
const Id = z.object({ id: z.uuid() })
type Id = z.infer<typeof Id>

/** Events that a test waits for. */
export const tinyEvents = { slowStarted: () => {} }

@Injectable()
class GreetingService {
  constructor(private readonly logger: PharosLogger) {}

  greet(name: string): string {
    this.logger.info('greeting made', { name })
    return `Hello, ${name}`
  }
}

@Controller('greetings')
class GreetingController {
  constructor(private readonly greetings: GreetingService) {}

  @Post()
  @HttpCode(200)
  greet(@ValidBody(Greeting) body: Greeting) {
    return { text: this.greetings.greet(body.name), traceId: currentTraceId(), context: currentLogContext() }
  }

  @Get()
  list(@ValidQuery(Page) query: Page) {
    return { limit: query.limit }
  }

  @Get(':id')
  read(@ValidParams(Id) params: Id) {
    throw new PharosError('not-found', `There is no greeting ${params.id}.`)
  }

  @Post('fail')
  fail(@Body() _body: unknown) {
    throw new Error('the inside: password=hunter2')
  }

  @Put('upload')
  async upload(@StreamBody({ limitBytes: 100_000 }) body: Readable) {
    let bytes = 0
    for await (const chunk of body as AsyncIterable<Buffer>) bytes += chunk.byteLength
    return { bytes, traceId: currentTraceId() }
  }

  @Post('raw')
  @RawBody()
  @HttpCode(200)
  async raw(@StreamBody({ limitBytes: 1000 }) body: Readable) {
    const chunks: Buffer[] = []
    for await (const chunk of body as AsyncIterable<Buffer>) chunks.push(chunk)
    return { text: Buffer.concat(chunks).toString() }
  }

  @Get('slow/:ms')
  async slow(@Param('ms') ms: string) {
    tinyEvents.slowStarted()
    await new Promise((resolve) => setTimeout(resolve, Number(ms)))
    return { done: true }
  }
}

@Controller()
class ActionController {
  @Post('greetings::batch')
  @HttpCode(200)
  batch() {
    return { action: 'batch' }
  }

  @Post('greetings/:id([^:/]+)::replay')
  @HttpCode(200)
  replay(@Param('id') id: string) {
    return { action: 'replay', id }
  }
}

@Controller('internal')
@UseGuards(ServiceGuard)
class InternalController {
  @Get('whoami')
  @AllowServices('scanner-worker')
  whoami(@Caller() caller: ServiceCaller) {
    return caller
  }

  @Get('principal')
  principal(@CallerPrincipal() principal: Principal) {
    return principal
  }
}

@Module({})
export class TinyModule {
  static register(keys: ReadonlyMap<string, string>): DynamicModule {
    return {
      module: TinyModule,
      imports: [ServiceAuthModule.register(keys)],
      controllers: [GreetingController, ActionController, InternalController],
      providers: [GreetingService],
    }
  }
}
