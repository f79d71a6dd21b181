import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readEnricherFolder } from './read-folder.js'

let place = ''
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'pharos-folder-'))
})
afterEach(() => rmSync(place, { recursive: true, force: true }))

function write(path: string, content: string | Buffer): void {
  mkdirSync(dirname(join(place, path)), { recursive: true })
  writeFileSync(join(place, path), content)
}

const star = 'def enrich(input):\n    return {}\n'
function writeSingle(folder: string): void {
  write(`${folder}/enricher.yaml`, 'enricher:\n- name: starlark\n  config: x.star\n')
  write(`${folder}/x.star`, star)
}

describe('a folder of enrichers', () => {
  it('is read with its folders, without hidden files', async () => {
    write('set/enrichers.yaml', 'sources: [{name: a}]')
    writeSingle('set/a')
    write('set/.git/config', 'x')
    const read = await readEnricherFolder(join(place, 'set'))
    expect(read).toMatchObject({
      ok: true,
      set: { files: [{ path: 'a/enricher.yaml' }, { path: 'a/x.star' }, { path: 'enrichers.yaml' }] },
    })
  })

  it.each([
    ['the folder', 'image-age'],
    ['its enricher.yaml', 'image-age/enricher.yaml'],
  ])('is called as its folder when it is a single enricher, named by %s', async (_sentence, path) => {
    writeSingle('image-age')
    expect(await readEnricherFolder(join(place, path))).toMatchObject({ ok: true, set: { enrichers: [{ name: 'image-age' }] } })
  })

  it('is read from a mounted ConfigMap, which is made of links', async () => {
    write('map/..2026_11_24/enrichers.yaml', 'sources: [{name: a}]')
    write('map/..2026_11_24/a-enricher.yaml', 'enricher:\n- name: starlark\n  config: a-x.star\n')
    write('map/..2026_11_24/a-x.star', star)
    symlinkSync('..2026_11_24', join(place, 'map/..data'))
    for (const key of ['enrichers.yaml', 'a-enricher.yaml', 'a-x.star']) symlinkSync(`..data/${key}`, join(place, 'map', key))
    expect(await readEnricherFolder(join(place, 'map'))).toMatchObject({ ok: true, set: { enrichers: [{ name: 'a' }] } })
  })

  it('does not go round in a circle of links', async () => {
    writeSingle('set')
    symlinkSync('.', join(place, 'set/again'))
    expect(await readEnricherFolder(join(place, 'set'))).toMatchObject({ ok: true })
  })

  it.each<[string, () => void, object]>([
    [
      'a link out of it',
      () => symlinkSync('/etc/hostname', join(place, 'set/x.yaml')),
      { file: 'x.yaml', message: expect.stringContaining('leads out of the folder') },
    ],
    [
      'a folder that links out of it',
      () => symlinkSync('..', join(place, 'set/up')),
      { file: 'up', message: expect.stringContaining('leads out of the folder') },
    ],
    [
      'a link to nothing',
      () => symlinkSync('nothing', join(place, 'set/x.yaml')),
      { file: 'x.yaml', message: 'This cannot be read: it is not there.' },
    ],
    [
      'a file that is no text',
      () => write('set/x.bin', Buffer.from([0xc3, 0x28])),
      { file: 'x.bin', message: 'This cannot be read: it is no text in UTF-8.' },
    ],
    [
      'a huge file',
      () => write('set/x.yaml', 'x'.repeat(1024 * 1024 + 1)),
      { file: 'x.yaml', message: expect.stringContaining('at most 1048576') },
    ],
  ])('%s is a problem', async (_sentence, make, problem) => {
    writeSingle('set')
    make()
    expect(await readEnricherFolder(join(place, 'set'))).toMatchObject({ ok: false, problems: [problem] })
  })

  it('with a socket in it is a problem', async () => {
    writeSingle('set')
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(join(place, 'set/x.yaml'), resolve))
    const read = await readEnricherFolder(join(place, 'set'))
    server.close()
    expect(read).toMatchObject({ ok: false, problems: [{ file: 'x.yaml', message: 'This is neither a file nor a folder.' }] })
  })

  it('that is not there is a problem', async () => {
    const read = await readEnricherFolder(join(place, 'none'))
    expect(read).toMatchObject({ ok: false, problems: [{ message: expect.stringContaining('it is not there') }] })
  })

  it('with thousands of files is no set', async () => {
    mkdirSync(join(place, 'set'))
    for (let n = 0; n < 1100; n++) write(`set/f${n}`, '')
    expect(await readEnricherFolder(join(place, 'set'))).toMatchObject({
      ok: false,
      problems: [{ message: expect.stringContaining('more than 1000') }],
    })
  })
})
