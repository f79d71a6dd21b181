#!/usr/bin/env node
import { runProgram } from './program.js'

process.exitCode = await runProgram({
  arguments: process.argv.slice(2),
  environment: process.env,
  streams: {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    isTerminal: process.stdout.isTTY === true,
  },
})
