import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { createReadStream } from 'node:fs'
import { Controller, Get, Param, Req, Res } from '@nestjs/common'
import { openApiDocument, PharosError } from '@pharos/contracts'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { AuthenticatorService } from '../access/authenticator.service.js'
import { LimitsService } from '../limits/limits.service.js'
import { documentationPage, documentationScript } from './documentation-page.js'
import { gatewayVersion } from '../version.js'

const document = JSON.stringify(openApiDocument(gatewayVersion))
const assetFolder = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'))
/** Files of Swagger UI that the page uses; nothing else of the package is served. */
const assets: Readonly<Record<string, string>> = {
  'swagger-ui.css': 'text/css',
  'swagger-ui-bundle.js': 'text/javascript',
  'favicon-32x32.png': 'image/png',
}
const contentSecurityPolicy =
  "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; script-src 'self'; frame-ancestors 'none'"

/** The description of the API, for programs and for people. Any signed-in caller may read it. */
@Controller()
export class DocumentationController {
  constructor(
    private readonly authenticator: AuthenticatorService,
    private readonly limits: LimitsService,
  ) {}

  @Get('openapi.json')
  async openApi(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.signIn(request, reply)
    await reply.type('application/json').send(document)
  }

  @Get('docs')
  async page(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.signIn(request, reply)
    await reply.header('content-security-policy', contentSecurityPolicy).type('text/html; charset=utf-8').send(documentationPage)
  }

  @Get('docs/:file')
  async asset(@Param('file') file: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.signIn(request, reply)
    if (file === 'start.js') return void (await reply.type('text/javascript').send(documentationScript))
    const mediaType = assets[file]
    if (mediaType === undefined) throw new PharosError('not-found', 'There is no such page.')
    await reply.type(mediaType).send(createReadStream(join(assetFolder, file)))
  }

  private async signIn(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    this.limits.checkAddress(request.ip)
    // A browser asks its user when it is told so: name and password, or any name and a token.
    reply.header('www-authenticate', 'Basic realm="Pharos"')
    await this.authenticator.authenticate(request.headers.authorization).catch((error: unknown) => {
      this.limits.countRefusal(request.ip)
      throw error
    })
    reply.removeHeader('www-authenticate')
  }
}
