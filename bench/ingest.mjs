/**
 * Ingest: reports and findings a second into PostgreSQL, with the CPU of both sides. A report has 400 packages and 1,600
 * findings; once all reports share packages, vulnerabilities and matches, once each brings packages and matches of its own.
 *
 * Run after a build: `node bench/ingest.mjs <PostgreSQL address> [reports] [parallel]`. The address
 * names a server on this machine where a database may be created; CPU is read from /proc (Linux).
 */
import { createHash, randomUUID } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'

const packageCount = 400
const matchesPerPackage = 4
const vulnerabilityCount = 400
const ticksPerSecond = 100

const results = '../apps/results-service/dist'
const { createDataSource } = await import(`${results}/database/data-source.js`)
const { runMigrations } = await import(`${results}/database/run-migrations.js`)
const { Database } = await import(`${results}/database/transaction.js`)
const { readReport } = await import(`${results}/ingest/report-reader.js`)
const { ReportStore } = await import(`${results}/ingest/report-store.js`)
const { ReportImageStore } = await import(`${results}/ingest/report-image-store.js`)
const { ImageStore } = await import(`${results}/images/image-store.js`)
const { EngineResultStore } = await import(`${results}/images/engine-result-store.js`)
const { PackageStore } = await import(`${results}/packages/package-store.js`)
const { ImagePackageStore } = await import(`${results}/packages/image-package-store.js`)
const { VulnerabilityStore } = await import(`${results}/vulnerabilities/vulnerability-store.js`)
const { MatchStore } = await import(`${results}/vulnerabilities/match-store.js`)
const { FindingStore } = await import(`${results}/findings/finding-store.js`)
const { IssueStore } = await import(`${results}/findings/issue-store.js`)

const [adminUrl = 'postgres://postgres@127.0.0.1:5432/postgres', reportsText = '200', parallelText = '4'] = process.argv.slice(2)
const reportCount = Number(reportsText)
const parallel = Number(parallelText)

const digestOf = (name) => `sha256:${createHash('sha256').update(name).digest('hex')}`
const sentence = 'A flaw was found in the way this library handles crafted input, which may lead to a crash or to the execution of code. '

/** `variant` goes into the names of packages: reports of one variant share them. */
function reportOf(image, variant) {
  const packages = Array.from({ length: packageCount }, (_value, index) => {
    const name = `lib${variant}${index}`
    return {
      type: 'deb', name, version: `1.${index}-1`, purl: `pkg:deb/debian/${name}@1.${index}-1?arch=amd64&distro=debian-12&upstream=${name}-src`, distro: 'debian:12', language: null,
      upstreams: [{ name: `${name}-src`, version: null }], cpes: [`cpe:2.3:a:${name}:${name}:1.${index}-1:*:*:*:*:*:*:*`, `cpe:2.3:a:debian:${name}:1.${index}-1:*:*:*:*:*:*:*`],
      licenses: ['GPL-2', 'MIT'], matchKey: null,
      locations: [{ path: '/var/lib/dpkg/status', layer: digestOf('base') }, { path: `/usr/share/doc/${name}/copyright`, layer: digestOf('base') }], foundBy: 'dpkg-db-cataloger',
    }
  })
  const vulnerabilities = Array.from({ length: vulnerabilityCount }, (_value, index) => {
    const id = `CVE-2026-${10_000 + index}`
    return {
      nativeId: id, namespace: 'debian:distro:debian:12', canonicalId: id, aliases: [id], severity: ['critical', 'high', 'medium', 'low'][index % 4], severityGiven: 'High',
      cvss: [{ source: 'nvd@nist.gov', type: 'Primary', version: '3.1', vector: 'CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H', baseScore: 9.8 }],
      epss: { probability: (index % 97) / 100, percentile: 0.9, date: '2026-11-20' }, kev: null, dataSource: `https://security-tracker.debian.org/tracker/${id}`,
      urls: [`https://example.com/advisories/${id}`], description: sentence.repeat(4), cwes: ['CWE-787'],
    }
  })
  const matches = packages.flatMap((found, position) =>
    Array.from({ length: matchesPerPackage }, (_value, index) => ({
      package: position, vulnerability: (position * matchesPerPackage + index) % vulnerabilityCount, fixState: 'fixed', fixVersions: ['2.0-1'],
      fixAvailable: [{ version: '2.0-1', date: '2026-01-02', kind: 'advisory' }], risk: (position % 50) + index / 10, locations: found.locations,
      details: [{
        type: 'exact-indirect-match', matcher: 'dpkg-matcher',
        searchedBy: { distro: { type: 'debian', version: '12' }, package: { name: `${found.name}-src`, version: found.version }, namespace: 'debian:distro:debian:12' },
        found: { vulnerabilityID: `CVE-2026-${10_000 + index}`, versionConstraint: '< 2.0-1 (deb)' },
      }],
    })),
  )
  return gzipSync(JSON.stringify({
    reportVersion: 1,
    image: {
      digest: digestOf(image), indexDigest: null, mediaType: 'application/vnd.oci.image.manifest.v1+json', platform: 'linux/amd64', configDigest: null, sizeBytes: 1, layers: [],
      annotations: {}, reference: { registry: 'registry.example', repository: `bench/${image}`, tag: 'v1' }, indexPlatforms: [],
    },
    config: { os: 'linux', architecture: 'amd64', createdAt: null, labels: {}, diffIds: [], history: [] }, distro: { id: 'debian', versionId: '12', prettyName: null },
    catalogue: { cataloguer: 'syft', version: '1', configuration: 'a', packageCount, unreadable: [], isReused: false }, packages,
    engines: [{
      engine: 'grype', status: 'complete', engineVersion: '1', database: { generationId: null, schemaVersion: 'v6', builtAt: null, checksum: null, isSample: false, isStale: false },
      reasons: [], vulnerabilities, matches, secrets: [], misconfigurations: [],
    }],
  }))
}

/** CPU seconds of the server that serves our database: our backends and the processes that write for all of them. */
function postgresCpuSeconds(databaseName) {
  const processes = readdirSync('/proc').filter((pid) => /^\d+$/.test(pid)).flatMap((pid) => {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      return stat.includes('(postgres)') ? [{ title: readFileSync(`/proc/${pid}/cmdline`, 'utf8'), parent: fields[1], ticks: Number(fields[11]) + Number(fields[12]) }] : []
    } catch (error) {
      if (error.code !== 'ENOENT' && error.code !== 'ESRCH') throw error
      return []
    }
  })
  const isOurs = ({ title }) => title.includes(databaseName)
  const server = processes.find(isOurs)?.parent
  const writers = /checkpointer|background writer|walwriter|io worker/
  const counted = processes.filter((item) => isOurs(item) || (item.parent === server && writers.test(item.title)))
  return counted.reduce((sum, { ticks }) => sum + ticks, 0) / ticksPerSecond
}

const name = `pharos_bench_${randomUUID().replaceAll('-', '')}`
const admin = await createDataSource({ url: adminUrl, poolSize: 1 }).initialize()
await admin.query(`create database ${name}`)
const url = new URL(adminUrl)
url.pathname = `/${name}`
const dataSource = await createDataSource({ url: url.href, poolSize: parallel + 1 }).initialize()
try {
  await runMigrations(dataSource)
  const durability = await dataSource.query(`select current_setting('fsync') as fsync, current_setting('synchronous_commit') as commit, version() as version`)
  console.log(`${durability[0].version.split(',')[0]}, fsync ${durability[0].fsync}, synchronous_commit ${durability[0].commit}, ${parallel} at once`)
  const database = new Database(dataSource)
  const clock = { now: () => new Date(), nowMs: () => Date.now() }
  const reports = new ReportStore(
    new ReportImageStore(new ImageStore(), new PackageStore(), new ImagePackageStore()), new VulnerabilityStore(), new MatchStore(), new FindingStore(), new IssueStore(),
    new EngineResultStore(), clock,
  )
  const ingest = async (compressed) => {
    const report = await readReport(compressed, { maxReportBytes: 64 * 1024 * 1024 })
    await database.inTransaction((tx) =>
      reports.store(tx, { report, run: { id: randomUUID(), digest: report.image.digest }, attempt: { id: randomUUID() }, activeGenerations: [] }),
    )
  }
  const measure = async (title, bodies) => {
    const queue = [...bodies]
    const before = { cpu: process.cpuUsage(), postgres: postgresCpuSeconds(name), at: performance.now() }
    await Promise.all(Array.from({ length: parallel }, async () => {
      for (let body = queue.pop(); body !== undefined; body = queue.pop()) await ingest(body)
    }))
    const seconds = (performance.now() - before.at) / 1000
    const cpu = process.cpuUsage(before.cpu)
    const node = (cpu.user + cpu.system) / 1e6
    const postgres = postgresCpuSeconds(name) - before.postgres
    const perReport = (value) => `${((value * 1000) / bodies.length).toFixed(1)} ms`
    console.log(
      `${title}: ${(bodies.length / seconds).toFixed(1)} reports/s, ${Math.round((bodies.length * packageCount * matchesPerPackage) / seconds)} findings/s; CPU a report: ` +
        `node ${perReport(node)}, postgres ${perReport(postgres)}; report ${Math.round((bodies[0]?.byteLength ?? 0) / 1024)} KiB gzip`,
    )
  }
  await measure('warm-up', Array.from({ length: 10 }, (_value, index) => reportOf(`warm-${index}`, 'shared')))
  const shared = Array.from({ length: reportCount }, (_value, index) => reportOf(`shared-${index}`, 'shared'))
  await measure('shared packages', shared)
  await measure('all new packages', Array.from({ length: reportCount }, (_value, index) => reportOf(`new-${index}`, `new${index}x`)))
  await measure('rescan, nothing changed', shared)
} finally {
  await dataSource.destroy()
  await admin.query(`drop database ${name} with (force)`)
  await admin.destroy()
}
