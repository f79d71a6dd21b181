import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readEnricherFiles } from '../format/read-files.js'
import { fetchEnricherSource, fetchEnricherSources } from './fetch-sources.js'
import { parseGitAddress } from './git-address.js'
import type { GitOptions } from './git-folder.js'

const place = mkdtempSync(join(tmpdir(), 'pharos-enrichers-'))
const repository = join(place, 'repository')
const fromFile: GitOptions = { protocols: ['file'] }
let first = ''
let second = ''

function git(...args: string[]): string {
  const who = ['-c', 'user.name=test', '-c', 'user.email=test@example.org', '-c', 'commit.gpgsign=false']
  return execFileSync('git', [...who, '-C', repository, ...args], { encoding: 'utf8' }).trim()
}

function write(path: string, content: string | Buffer): void {
  mkdirSync(dirname(join(repository, path)), { recursive: true })
  writeFileSync(join(repository, path), content)
}

function commit(): string {
  git('add', '-A')
  git('commit', '-q', '-m', 'change')
  return git('rev-parse', 'HEAD')
}

const star = (team: string) => `def enrich(input):\n    return {"team": "${team}"}\n`

beforeAll(() => {
  mkdirSync(repository)
  git('init', '-q', '-b', 'main')
  write('sets/enrichers.yaml', 'sources: [{name: owner}]\n')
  write('sets/owner/enricher.yaml', 'enricher:\n- name: starlark\n  config: owner.star\n')
  write('sets/owner/owner.star', star('first'))
  first = commit()
  write('sets/owner/owner.star', star('second'))
  symlinkSync('owner.star', join(repository, 'sets/owner/same.star'))
  second = commit()
})
afterAll(() => rmSync(place, { recursive: true, force: true }))

const url = () => `file://${repository}`

describe('a set from git', () => {
  it.each([
    ['first', () => first],
    ['second', () => second],
  ])('is that of the pinned commit: %s', async (team, pinned) => {
    const fetched = await fetchEnricherSource({ git: url(), commit: pinned(), path: 'sets' }, fromFile)
    if (!fetched.ok) throw new Error(JSON.stringify(fetched.problems))
    const read = await readEnricherFiles(fetched.files)
    expect(read.ok && read.set.files.find((file) => file.path === 'owner/owner.star')?.content).toBe(star(team))
  })

  it('follows a link that stays in the folder', async () => {
    const fetched = await fetchEnricherSource({ git: url(), commit: second, path: 'sets' }, fromFile)
    expect(fetched).toMatchObject({ ok: true, files: expect.arrayContaining([{ path: 'owner/same.star', content: star('second') }]) })
  })

  it('is found though no branch begins with it', async () => {
    const fetched = await fetchEnricherSource({ git: url(), commit: first, path: 'sets/owner' }, fromFile)
    expect(fetched).toMatchObject({ ok: true, files: [{ path: 'enricher.yaml' }, { path: 'owner.star' }] })
  })

  const refused: [string, () => { git: string; commit: string; path: string }, GitOptions, string][] = [
    ['a commit that is not there', () => ({ git: url(), commit: 'a'.repeat(40), path: '' }), fromFile, 'is the commit still there'],
    [
      'a repository that vanished',
      () => ({ git: `file://${place}/gone`, commit: 'a'.repeat(40), path: '' }),
      fromFile,
      'does not appear to be a git repository',
    ],
    ['a folder that moved', () => ({ git: url(), commit: first, path: 'moved' }), fromFile, 'is the commit still there'],
    ['a branch where a commit is wanted', () => ({ git: url(), commit: 'main', path: '' }), fromFile, 'main may move'],
    [
      'a ref that is an option',
      () => ({ git: url(), commit: '--upload-pack=x', path: '' }),
      { ...fromFile, allowMovingRefs: true },
      'is no name of',
    ],
    ['a folder out of the repository', () => ({ git: url(), commit: first, path: '../..' }), fromFile, 'is not in the repository'],
    ['another protocol', () => ({ git: 'ssh://git@example.org/x', commit: first, path: '' }), {}, 'Only addresses of https'],
    ['a command for an address', () => ({ git: 'ext::sh -c id', commit: first, path: '' }), {}, 'Only addresses of https'],
    ['a file where https is wanted', () => ({ git: url(), commit: first, path: '' }), {}, 'Only addresses of https'],
    [
      'an address that may not be reached',
      () => ({ git: 'https://127.0.0.1/x.git', commit: first, path: '' }),
      { isAddressAllowed: () => false },
      'may not be reached',
    ],
    [
      'no git at all',
      () => ({ git: url(), commit: first, path: '' }),
      { ...fromFile, program: join(place, 'no-git') },
      'git is not installed here',
    ],
  ]
  it.each(refused)('%s is a problem', async (_sentence, source, options, message) => {
    const fetched = await fetchEnricherSource(source(), options)
    expect(fetched).toMatchObject({ ok: false, problems: [{ message: expect.stringContaining(message) }] })
  })

  it('is not waited for longer than allowed', async () => {
    const silent = createServer(() => undefined)
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    const { port } = silent.address() as AddressInfo
    const fetched = await fetchEnricherSource(
      { git: `http://127.0.0.1:${port}/x.git`, commit: first, path: '' },
      { protocols: ['http'], timeoutMs: 500 },
    )
    silent.closeAllConnections()
    silent.close()
    expect(fetched).toMatchObject({ ok: false, problems: [{ message: expect.stringContaining('did not end within 0.5 s') }] })
  })

  it('does not follow a server to another place', async () => {
    const asked: string[] = []
    const server = createServer((request, response) => {
      asked.push(request.url ?? '')
      response.writeHead(302, { location: '/elsewhere' }).end()
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const fetched = await fetchEnricherSource({ git: `http://127.0.0.1:${port}/x.git`, commit: first, path: '' }, { protocols: ['http'] })
    server.close()
    expect(fetched.ok).toBe(false)
    expect(asked.filter((path) => path.startsWith('/elsewhere'))).toEqual([])
    expect(asked.length).toBeGreaterThan(0)
  })
})

describe('a repository that is made to hurt', () => {
  it.each<[string, () => void, object]>([
    [
      'a link out of the folder',
      () => symlinkSync('../../secret', join(repository, 'bad/link.yaml')),
      { file: 'link.yaml', message: expect.stringContaining('leads out of the folder') },
    ],
    [
      'an absolute link',
      () => symlinkSync('/etc/passwd', join(repository, 'bad/link.yaml')),
      { file: 'link.yaml', message: expect.stringContaining('leads out of the folder') },
    ],
    [
      'an absolute link whose path is that of a file here',
      () => symlinkSync('/enricher.yaml', join(repository, 'bad/link.yaml')),
      { file: 'link.yaml', message: expect.stringContaining('leads out of the folder') },
    ],
    ['links in a circle', () => symlinkSync('link.yaml', join(repository, 'bad/link.yaml')), { file: 'link.yaml' }],
    [
      'a binary file',
      () => write('bad/x.star', Buffer.from([0xff, 0xfe, 0x00])),
      { file: 'x.star', message: expect.stringContaining('no text in UTF-8') },
    ],
    [
      'a huge file',
      () => write('bad/x.star', 'x'.repeat(1024 * 1024 + 1)),
      { file: 'x.star', message: expect.stringContaining('1048577 bytes') },
    ],
  ])('%s is a problem of that file', async (_sentence, make, problem) => {
    git('checkout', '-q', second)
    git('clean', '-q', '-f', '-d')
    write('bad/enricher.yaml', 'enricher: []')
    make()
    const pinned = commit()
    git('branch', '-f', 'bad', pinned)
    const fetched = await fetchEnricherSource({ git: url(), commit: pinned, path: 'bad' }, fromFile)
    expect(fetched).toMatchObject({ ok: false, problems: [problem] })
  })
})

describe('enrichers that a list names by git', () => {
  it('are refused as long as they may move or carry credentials, each with its place', async () => {
    const list = [
      'enrichers:',
      '  sources:',
      '    - name: a',
      '      git: https://github.com/o/r/tree/main/a',
      '    - name: b',
      '      git: https://$USER:$TOKEN@github.com/o/r/tree/main/b',
      '    - name: c',
      '      git: https://me:secret@github.com/o/r/tree/main/c',
      '    - name: d',
      '      git: git@github.com:o/r',
    ].join('\n')
    const fetched = await fetchEnricherSources([{ path: 'enrichers.yaml', content: list }])
    expect(fetched).toMatchObject({
      ok: false,
      problems: [
        { line: 4, message: expect.stringContaining('main may move') },
        { line: 6, message: expect.stringContaining('variable of the environment') },
        { line: 8, message: expect.stringContaining('does not belong in a set') },
        { line: 10, message: expect.stringContaining('begins with https') },
      ],
    })
  })

  it('are put beside the other files, and the list says where they came from', async () => {
    const server = gitHost()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const host = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const list = `# ours\norder: [owner]\nsources:\n  - name: owner # from git\n    git: ${host}/o/r/tree/${second}/sets/owner\n`
    const fetched = await fetchEnricherSources([{ path: 'enrichers.yaml', content: list }], { protocols: ['http'] })
    server.close()
    if (!fetched.ok) throw new Error(JSON.stringify(fetched.problems))
    expect(fetched.files[0]?.content).toBe(
      `# ours\norder: [ owner ]\nsources:\n  - name: owner # from git\n    path: fetched/owner\n    fetched: ${host}/o/r.git ${second} sets/owner\n`,
    )
    expect(await readEnricherFiles(fetched.files)).toMatchObject({
      ok: true,
      set: { enrichers: [{ name: 'owner', folder: 'fetched/owner' }] },
    })
  })
})

/** Serves the repository as a plain web server does, which the oldest of git's protocols is enough for. */
function gitHost() {
  renameSync(repository, `${repository}.work`)
  execFileSync('git', ['clone', '-q', '--bare', `${repository}.work`, repository])
  renameSync(repository, join(place, 'r.git'))
  renameSync(`${repository}.work`, repository)
  execFileSync('git', ['-C', join(place, 'r.git'), 'update-server-info'])
  return createServer((request, response) => {
    const path = (request.url ?? '').replace(/^\/o\//, '').replace(/\?.*/, '')
    try {
      response.end(execFileSync('cat', [join(place, path)], { stdio: ['ignore', 'pipe', 'ignore'] }))
    } catch {
      response.writeHead(404).end()
    }
  })
}

describe('an address of git', () => {
  it.each([
    ['of GitHub', 'https://github.com/o/r/tree/main/eos/deep', { url: 'https://github.com/o/r.git', ref: 'main', folder: 'eos/deep' }],
    ['of GitHub without a folder', 'https://github.com/o/r/tree/main', { url: 'https://github.com/o/r.git', ref: 'main', folder: '' }],
    [
      'of GitLab with groups',
      'https://gitlab.example/a/b/r/-/tree/v1/eos',
      { url: 'https://gitlab.example/a/b/r.git', ref: 'v1', folder: 'eos' },
    ],
    ['of Bitbucket', 'https://bitbucket.org/o/r/src/main/eos', { url: 'https://bitbucket.org/o/r.git', ref: 'main', folder: 'eos' }],
    ['of another host', 'https://git.example/o/r/browse/main/eos/', { url: 'https://git.example/o/r.git', ref: 'main', folder: 'eos' }],
    ['without a commit', 'https://github.com/metraction', { problem: expect.stringContaining('names repository, commit and folder') }],
    ['without a path', 'http://example.com', { problem: expect.stringContaining('names repository, commit and folder') }],
    ['of a folder', '/path/to/enricher', { problem: expect.stringContaining('begins with https') }],
  ])('%s', (_sentence, text, expected) => {
    expect(parseGitAddress(text)).toEqual(expected)
  })
})
