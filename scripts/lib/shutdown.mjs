import { warn } from './terminal.mjs'

/** Ends what was started, last one first; services that stand side by side end side by side in that order. */
export class Shutdown {
  /** @type {{ name: string, stop: () => Promise<void> }[]} */
  #steps = []
  /** @type {() => void} */
  #request = () => {}
  isRequested = false
  /** Resolves when somebody asks for the end. @type {Promise<void>} */
  requested = new Promise((resolve) => {
    this.#request = resolve
  })

  /** Ends on Ctrl-C, SIGTERM, or when the terminal goes away. */
  onSignals() {
    for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
      process.on(signal, () => {
        this.isRequested = true
        this.#request()
      })
    }
  }

  /** Fails when the end was asked for while starting: what was started so far is ended then. */
  check() {
    if (this.isRequested) throw new Error('the start was broken off')
  }

  /** @param {string} name @param {() => Promise<void>} stop */
  add(name, stop) {
    this.#steps.push({ name, stop })
  }

  /** @param {(name: string) => void} [report] */
  async run(report = () => {}) {
    for (let step = this.#steps.pop(); step; step = this.#steps.pop()) {
      report(step.name)
      try {
        await step.stop()
      } catch (error) {
        // The others must still be ended.
        warn(`${step.name} did not end as it should: ${error instanceof Error ? error.message : String(error)}`)
      }
    }
  }
}
