import { isAlive } from '../../packages/test-kit/plain/process-identity.mjs'
import { warn } from './terminal.mjs'

/**
 * @typedef {object} LaunchedServer
 * @property {string} url
 * @property {number} port
 * @property {import('../../packages/test-kit/plain/process-identity.mjs').ProcessIdentity} identity
 * @property {() => Promise<void>} stop
 */

const lookMs = 500
const firstDelayMs = 500
const longestDelayMs = 30_000

/** A server that the services need at one address: started again on its port when it ends by itself. */
export class KeptServer {
  /** @type {LaunchedServer | undefined} */
  #server
  /** @type {NodeJS.Timeout | undefined} */
  #timer
  #isEnding = false

  /**
   * @param {string} name
   * @param {(port: number | undefined) => Promise<LaunchedServer>} launch
   * @param {{ add(name: string, pid: number): void, remove(name: string): void }} record
   */
  constructor(name, launch, record) {
    this.name = name
    this.launch = launch
    this.record = record
  }

  /** Starts it; resolves when it answers. @returns {Promise<LaunchedServer>} */
  async start() {
    const server = await this.#launchOn(undefined)
    this.#look(firstDelayMs)
    return server
  }

  async stop() {
    this.#isEnding = true
    clearTimeout(this.#timer)
    await this.#server?.stop()
    this.record.remove(this.name)
  }

  /** @param {number | undefined} port */
  async #launchOn(port) {
    const server = await this.launch(port)
    this.#server = server
    this.record.add(this.name, server.identity.pid)
    return server
  }

  /** @param {number} delayMs how long to wait before the next start, should it be gone */
  #look(delayMs) {
    const server = this.#server
    if (this.#isEnding || server === undefined) return
    if (isAlive(server.identity)) {
      this.#timer = setTimeout(() => this.#look(firstDelayMs), lookMs)
      return
    }
    warn(`${this.name} ended by itself and starts again in ${delayMs / 1000} s`)
    this.#timer = setTimeout(() => {
      this.#launchOn(server.port).then(
        () => this.#look(Math.min(delayMs * 2, longestDelayMs)),
        (error) => {
          warn(`${this.name} could not be started again: ${error.message}`)
          this.#look(Math.min(delayMs * 2, longestDelayMs))
        },
      )
    }, delayMs)
  }
}
