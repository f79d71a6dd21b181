#!/usr/bin/env node
// Keeps one server for as long as somebody holds a lease on it, and ends it soon after the last one is gone.
// A lease is a file `<pid>~<start>~<random>` in the lease folder; that of a killed process counts as gone.
// Plain JavaScript, so that it also runs where the sources of this package were not built.
import { spawn } from 'node:child_process'
import { openSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { processStart } from './process-identity.mjs'

/** @type {{ command: string, args: string[], uid?: number, gid?: number, environment: Record<string, string>, logPath: string, leaseDirectory: string, recordPath: string, record: object, stopSignal: NodeJS.Signals, lingerMs: number }} */
const order = JSON.parse(readFileSync(0, 'utf8'))

const log = openSync(order.logPath, 'a', 0o600)
const account = order.uid === undefined ? {} : { uid: order.uid, gid: order.gid }
const server = spawn(order.command, order.args, { ...account, cwd: '/', stdio: ['ignore', log, log], env: order.environment })
let isStopping = false
let lastSeenMs = Date.now()

function writeRecord() {
  const text = JSON.stringify({
    ...order.record,
    server: { pid: server.pid, startedAt: processStart(server.pid ?? 0) },
    keeper: { pid: process.pid, startedAt: processStart(process.pid) },
  })
  writeFileSync(`${order.recordPath}.new`, text, { mode: 0o600 })
  renameSync(`${order.recordPath}.new`, order.recordPath)
}

function hasLease() {
  for (const name of readdirSync(order.leaseDirectory)) {
    const [pid, startedAt] = name.split('~')
    const start = processStart(Number(pid))
    if (start !== undefined && start === startedAt) return true
    rmSync(join(order.leaseDirectory, name), { force: true })
  }
  return false
}

function stop() {
  if (isStopping) return
  isStopping = true
  rmSync(order.recordPath, { force: true })
  server.kill(order.stopSignal)
}

function check() {
  if (hasLease()) lastSeenMs = Date.now()
  if (Date.now() - lastSeenMs < order.lingerMs) return
  // Who takes a lease writes it first and reads the record then: without the record he starts a server of his own,
  // with it we must see his lease here.
  rmSync(order.recordPath, { force: true })
  if (hasLease()) writeRecord()
  else stop()
}

server.once('spawn', () => {
  writeRecord()
  setInterval(check, 250)
})
server.once('error', () => process.exit(1))
server.once('exit', () => {
  rmSync(order.recordPath, { force: true })
  process.exit(0)
})
for (const signal of /** @type {const} */ (['SIGTERM', 'SIGINT', 'SIGHUP'])) process.on(signal, stop)
