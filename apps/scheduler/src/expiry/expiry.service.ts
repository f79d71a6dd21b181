import { Injectable } from '@nestjs/common'
import { ResultsClient } from '../results/results.client.js'

/** Lets results-service remove what has expired. */
@Injectable()
export class ExpiryService {
  constructor(private readonly results: ResultsClient) {}

  async expire(): Promise<string> {
    const { removed } = await this.results.expire()
    const parts = Object.entries(removed)
      .filter(([, count]) => count > 0)
      .map(([name, count]) => `${count} ${name}`)
    return parts.length === 0 ? 'nothing had expired' : `removed ${parts.join(', ')}`
  }
}
