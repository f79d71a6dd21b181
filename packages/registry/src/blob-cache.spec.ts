import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { link, mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { BlobCache, type BlobCacheOptions, type PlaceRequest } from './blob-cache.js'
import { problemOfDisk } from './blob-writer.js'
import { digestOf } from './digest.js'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pharos-cache-'))
  await mkdir(join(directory, 'out'))
})
afterEach(() => rm(directory, { recursive: true, force: true }))

const root = (): string => join(directory, 'cache')
const open = (options: Partial<BlobCacheOptions> = {}): Promise<BlobCache> =>
  BlobCache.open({ directory: root(), limitBytes: 1_000_000, minimumFreeBytes: 0, ...options })

let placeCount = 0
function request(content: Buffer, changes: Partial<PlaceRequest> = {}): PlaceRequest {
  placeCount += 1
  return {
    digest: digestOf(content),
    sizeBytes: content.length,
    source: { registry: 'r', path: 'a' },
    destination: join(directory, 'out', `${placeCount}`),
    download: (writer) => writer.write(content),
    prove: () => Promise.resolve(true),
    ...changes,
  }
}
const blobPath = (content: Buffer): string => join(root(), 'blobs', 'sha256', digestOf(content).slice(7))
const cachedNames = (): Promise<string[]> => readdir(join(root(), 'blobs', 'sha256'))
async function usedAt(content: Buffer, second: number): Promise<void> {
  await utimes(blobPath(content), second, second)
}

describe('a blob cache', () => {
  it('downloads once for many that want the same blob at once, also through another instance', async () => {
    const content = Buffer.from('wanted by all')
    const caches = [await open(), await open()]
    let downloads = 0
    const outcomes = await Promise.all(
      Array.from({ length: 10 }, (_, index) =>
        caches[index % 2]?.place(
          request(content, {
            download: async (writer) => {
              downloads += 1
              await writer.write(content.subarray(0, 3))
              await new Promise(setImmediate)
              await writer.write(content.subarray(3))
            },
          }),
        ),
      ),
    )
    expect(downloads).toBe(1)
    expect(outcomes.filter((outcome) => outcome === 'downloaded')).toHaveLength(1)
    expect(
      await Promise.all((await readdir(join(directory, 'out'))).map((name) => readFile(join(directory, 'out', name), 'utf8'))),
    ).toEqual(Array(10).fill('wanted by all'))
  })

  it('lets the next one try when the first fails', async () => {
    const content = Buffer.from('second try')
    const cache = await open()
    let first: Promise<unknown> | undefined
    let fail: (error: Error) => void = () => undefined
    const failing = new Promise<never>((_resolve, reject) => (fail = reject))
    const begun = new Promise<void>((resolve) => {
      const download = () => {
        resolve()
        return failing
      }
      first = cache.place(request(content, { download }))
    })
    // Only then is it sure who comes second.
    await begun
    const second = cache.place(request(content))
    fail(new Error('broken'))
    await expect(first).rejects.toThrow('broken')
    expect(await second).toBe('downloaded')
  })

  it('waits for a lock of a living process, and takes it over when that dies', async () => {
    const content = Buffer.from('locked elsewhere')
    const cache = await open()
    const holder = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' })
    await once(holder, 'spawn')
    const ticks = (await readFile(`/proc/${holder.pid ?? 0}/stat`, 'utf8').catch(() => '')).split(') ')[1]?.split(' ')[19] ?? '0'
    const host = createHash('sha256').update(hostname()).digest('hex').slice(0, 12)
    const lock = join(root(), 'locks', `sha256-${digestOf(content).slice(7)}.lock`)
    await writeFile(lock, `${host}.${holder.pid ?? 0}.${ticks}.x`)
    let isPlaced = false
    const placed = cache.place(request(content)).then((outcome) => {
      isPlaced = true
      return outcome
    })
    // Long enough for a cache that does not wait to be done many times over.
    for (let turn = 0; turn < 200; turn += 1) await readdir(root())
    expect(isPlaced).toBe(false)
    holder.kill('SIGKILL')
    expect(await placed).toBe('downloaded')
    expect(await readdir(join(root(), 'locks'))).toEqual([])
  })

  it('ends the wait for a lock when the caller cancels', async () => {
    const content = Buffer.from('never')
    const cache = await open()
    let finish = (): void => {
      /* set below */
    }
    const gate = new Promise<void>((resolve) => {
      finish = resolve
    })
    const holder = cache.place(
      request(content, {
        download: async (writer) => {
          await gate
          await writer.write(content)
        },
      }),
    )
    const controller = new AbortController()
    const waiting = cache.place(request(content, { signal: controller.signal }))
    controller.abort()
    await expect(waiting).rejects.toMatchObject({ code: 'cancelled' })
    finish()
    expect(await holder).toBe('downloaded')
  })

  it('evicts what was used longest ago, and never what a scan has linked', async () => {
    const contents = ['a', 'b', 'c', 'd'].map((letter) => Buffer.alloc(300, letter))
    const [a, b, c, d] = contents as [Buffer, Buffer, Buffer, Buffer]
    const cache = await open({ limitBytes: 1000 })
    for (const content of [a, b, c]) await cache.place(request(content))
    await usedAt(a, 1000)
    await usedAt(b, 2000)
    await usedAt(c, 3000)
    await rm(join(directory, 'out'), { recursive: true })
    await mkdir(join(directory, 'out'))
    // a is the oldest, but a scan reads it; b is next.
    await link(blobPath(a), join(directory, 'out', 'in-use'))
    await cache.place(request(d))
    expect((await cachedNames()).sort()).toEqual([a, c, d].map((content) => digestOf(content).slice(7)).sort())
    expect(await cache.usage()).toEqual({ blobCount: 3, sizeBytes: 900 })
    expect(await readdir(join(root(), 'proofs'))).toHaveLength(3)
  })

  it('counts a hit as use', async () => {
    const [a, b, c] = ['a', 'b', 'c'].map((letter) => Buffer.alloc(400, letter)) as [Buffer, Buffer, Buffer]
    const cache = await open({ limitBytes: 1000 })
    for (const content of [a, b]) await cache.place(request(content))
    await usedAt(a, 1000)
    await usedAt(b, 2000)
    expect(await cache.place(request(a))).toBe('cached')
    await rm(join(directory, 'out'), { recursive: true })
    await mkdir(join(directory, 'out'))
    await cache.place(request(c))
    expect((await cachedNames()).sort()).toEqual([a, c].map((content) => digestOf(content).slice(7)).sort())
  })

  it('shrinks to a smaller budget when it is opened', async () => {
    const cache = await open()
    await cache.place(request(Buffer.alloc(500, 'x')))
    await rm(join(directory, 'out'), { recursive: true })
    await open({ limitBytes: 100 })
    expect(await cachedNames()).toEqual([])
  })

  it('removes what dead processes left, and leaves what living ones write', async () => {
    await open()
    const host = createHash('sha256').update(hostname()).digest('hex').slice(0, 12)
    const dead = spawn(process.execPath, ['-e', ''], { stdio: 'ignore' })
    await once(dead, 'exit')
    const temp = join(root(), 'temp')
    await writeFile(join(temp, `${host}.${dead.pid ?? 0}.1.gone`), 'x')
    await writeFile(join(temp, `${host}.${process.pid}.1.a-former-process-with-my-id`), 'x')
    await writeFile(join(temp, `${host}.${process.pid}.0.mine`), 'x')
    await writeFile(join(temp, 'cccccccccccc.1.1.another-machine-fresh'), 'x')
    await writeFile(join(temp, 'cccccccccccc.1.1.another-machine-old'), 'x')
    await utimes(join(temp, 'cccccccccccc.1.1.another-machine-old'), 1, 1)
    await open()
    const left = await readdir(temp)
    expect(left.sort()).toEqual([`${host}.${process.pid}.0.mine`, 'cccccccccccc.1.1.another-machine-fresh'].sort())
  })

  it('keeps nothing that is not the blob', async () => {
    const content = Buffer.from('the blob')
    const cache = await open()
    for (const [written, code] of [
      ['not blob', 'image-digest-mismatch'],
      ['the', 'image-truncated'],
      ['the blob and more', 'image-size-mismatch'],
    ] as const) {
      await expect(cache.place(request(content, { download: (writer) => writer.write(Buffer.from(written)) }))).rejects.toMatchObject({
        code,
      })
    }
    expect(await cachedNames()).toEqual([])
    expect(await readdir(join(directory, 'out'))).toEqual([])
    expect(await readdir(join(root(), 'temp'))).toEqual([])
  })

  it('gives a blob only to who was shown to have it', async () => {
    const content = Buffer.from('private')
    const cache = await open()
    await cache.place(request(content))
    let proofs = 0
    let downloads = 0
    const from = (registry: string, path: string, isProven: boolean): Promise<unknown> =>
      cache.place(
        request(content, {
          source: { registry, path },
          prove: () => {
            proofs += 1
            return Promise.resolve(isProven)
          },
          download: (writer) => {
            downloads += 1
            return writer.write(content)
          },
        }),
      )
    expect(await from('r', 'a', false)).toBe('cached')
    expect([proofs, downloads]).toEqual([0, 0])
    expect(await from('r', 'b', true)).toBe('cached')
    expect([proofs, downloads]).toEqual([1, 0])
    expect(await from('r', 'b', false)).toBe('cached')
    expect([proofs, downloads]).toEqual([1, 0])
    expect(await from('r', 'c', false)).toBe('downloaded')
    expect(downloads).toBe(1)
    // Another registry's word counts for nothing: it has to send the bytes.
    expect(await from('other', 'a', true)).toBe('downloaded')
    expect(downloads).toBe(2)
  })

  it('says that the disk is full, and throws out old blobs first', async () => {
    const cache = await open({ minimumFreeBytes: Number.MAX_SAFE_INTEGER })
    await expect(cache.place(request(Buffer.from('x')))).rejects.toMatchObject({ code: 'disk-full', isRetryable: true })
    expect(problemOfDisk(Object.assign(new Error('write'), { code: 'ENOSPC' }))).toMatchObject({ code: 'disk-full' })
    expect(problemOfDisk(Object.assign(new Error('write'), { code: 'EDQUOT' }))).toMatchObject({ code: 'disk-full' })
  })

  it('links, so that a blob in use outlives the cache', async () => {
    const content = Buffer.from('outlives')
    const wanted = request(content)
    await (await open()).place(wanted)
    expect((await stat(wanted.destination)).ino).toBe((await stat(blobPath(content))).ino)
    await rm(root(), { recursive: true })
    expect(await readFile(wanted.destination, 'utf8')).toBe('outlives')
  })
})
