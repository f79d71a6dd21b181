import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { findOrInstall } from './system-packages.mjs'

let directory = ''
const path = process.env.PATH
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'pharos-packages-'))
  process.env.PATH = directory
})
afterEach(() => {
  process.env.PATH = path
  rmSync(directory, { recursive: true, force: true })
})

/** @param {string} name */
function place(name) {
  writeFileSync(join(directory, name), '#!/bin/sh\n')
  chmodSync(join(directory, name), 0o755)
}

const packages = { 'apt-get': 'redis-server', apk: 'redis' }

describe('a program that is needed', () => {
  it('is taken from PATH', async () => {
    place('redis-server')
    expect(await findOrInstall('redis-server', packages, { isRoot: true, run: () => Promise.reject(new Error('not needed')) })).toBe(
      join(directory, 'redis-server'),
    )
  })

  it('is installed by the system that is here, lists first', async () => {
    place('apt-get')
    /** @type {string[]} */
    const commands = []
    const found = await findOrInstall('redis-server', packages, {
      isRoot: true,
      run: (program, args) => {
        commands.push([program, ...args].join(' '))
        if (args.includes('redis-server')) place('redis-server')
        return Promise.resolve('')
      },
    })
    expect(commands).toEqual(['apt-get update -q', 'apt-get install -y -q --no-install-recommends redis-server'])
    expect(found).toBe(join(directory, 'redis-server'))
  })

  it.each([
    ['nobody may install', 'apt-get', false],
    ['the system has no known package', 'dnf', true],
    ['the system is unknown', 'pacman', true],
  ])('cannot be had when %s', async (_sentence, manager, isRoot) => {
    place(manager)
    expect(await findOrInstall('redis-server', packages, { isRoot, run: () => Promise.reject(new Error('asked for')) })).toBeUndefined()
  })

  it('cannot be had when its installation fails', async () => {
    place('apk')
    expect(
      await findOrInstall('redis-server', packages, { isRoot: true, run: () => Promise.reject(new Error('no network')) }),
    ).toBeUndefined()
  })
})
