/**
 * Reads the arguments of `npm start -- ...`; fails with a sentence for an unknown one.
 * @param {string[]} args
 * @returns {{ isFresh: boolean, isDemo: boolean, isHelp: boolean, port?: number }}
 */
export function readStartArguments(args) {
  const options = { isFresh: false, isDemo: false, isHelp: false, /** @type {number | undefined} */ port: undefined }
  const rest = [...args]
  for (let argument = rest.shift(); argument !== undefined; argument = rest.shift()) {
    const [name, inline] = argument.split('=', 2)
    if (name === '--fresh') options.isFresh = true
    else if (name === '--demo') options.isDemo = true
    else if (name === '--help' || name === '-h') options.isHelp = true
    else if (name === '--port') options.port = readPort(inline ?? rest.shift())
    else throw new Error(`${argument} is not an option of npm start; npm start -- --help lists them`)
  }
  return options
}

/** @param {string | undefined} text */
function readPort(text) {
  const port = Number(text)
  if (!text || !Number.isInteger(port) || port < 1 || port > 65_535)
    throw new Error(`--port needs a number from 1 to 65535, not ${text ?? 'nothing'}`)
  return port
}

export const startHelp = `npm start [-- OPTIONS]

Starts Pharos on this machine: an embedded PostgreSQL, a private Redis, and the services.

  --demo        also a local registry with sample images and a sample vulnerability database, and scans them
  --fresh       forget everything that an earlier start stored (the tools are kept)
  --port PORT   port of the API on 127.0.0.1 (8080)
  --help        this text

Environment
  DATABASE_URL  use this PostgreSQL instead of the embedded one
  REDIS_URL     use this Redis instead of a private one (it must run with maxmemory-policy noeviction)
  PHAROS_HOME   folder for everything that is made at run time (.pharos)
  PHAROS_*      any parameter of a service, e.g. PHAROS_LOG_LEVEL=debug
`
