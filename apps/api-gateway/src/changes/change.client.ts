import { Injectable } from '@nestjs/common'
import { ChangePage, type ChangesQuery, type Principal, upstreamPath } from '@pharos/contracts'
import { ServiceClient } from '@pharos/service-kit'

/** Reads the feed of changes from results-service, with the caller's scope. */
@Injectable()
export class ChangeClient {
  constructor(private readonly results: ServiceClient) {}

  /** One page; throws `cursor-expired`, `cursor-invalid` and `filter-invalid`. */
  read(query: Partial<ChangesQuery>, principal: Principal, signal: AbortSignal): Promise<ChangePage> {
    return this.results.request({ method: 'GET', path: upstreamPath('/changes'), query, schema: ChangePage, principal, signal })
  }
}
