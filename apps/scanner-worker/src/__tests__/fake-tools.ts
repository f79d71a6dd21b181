import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

const sbom = {
  artifacts: [
    {
      id: 'a1',
      name: 'lodash',
      version: '4.17.20',
      type: 'npm',
      locations: [{ path: '/app/lodash/package.json', layerID: `sha256:${'1'.repeat(64)}` }],
      licenses: [{ value: 'MIT', spdxExpression: 'MIT' }],
      language: 'javascript',
      cpes: [],
      purl: 'pkg:npm/lodash@4.17.20',
    },
    {
      id: 'a2',
      name: 'clean',
      version: '1.0.0',
      type: 'npm',
      locations: [],
      licenses: [],
      language: 'javascript',
      cpes: [],
      purl: 'pkg:npm/clean@1.0.0',
    },
  ],
  distro: { id: 'alpine', versionID: '3.18', prettyName: 'Alpine 3.18' },
  descriptor: { name: 'syft', version: '1.57.0' },
}
const report = {
  matches: [
    {
      vulnerability: {
        id: 'GHSA-35jh-r3h4-6jhm',
        namespace: 'github:language:javascript',
        severity: 'High',
        urls: [],
        cvss: [],
        fix: { versions: ['4.17.21'], state: 'fixed' },
        risk: 3,
      },
      relatedVulnerabilities: [{ id: 'CVE-2021-23337', namespace: 'nvd:cpe', severity: 'High', urls: [], cvss: [] }],
      matchDetails: [],
      artifact: {
        id: 'a1',
        name: 'lodash',
        version: '4.17.20',
        type: 'npm',
        locations: [{ path: '/app/lodash/package.json' }],
        language: 'javascript',
        licenses: [],
        cpes: [],
        purl: 'pkg:npm/lodash@4.17.20',
        upstreams: [],
      },
    },
  ],
  descriptor: { name: 'grype', version: '0.121.2', db: { status: { schemaVersion: 'v6.1.10', built: '2026-11-23T05:00:00Z' } } },
}

/** Speaks the engine's protocol; the repository of the reference says what it does: `poison` dies, `hang` waits to be cancelled. */
const engineSource = `
import { writeFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { createInterface } from 'node:readline'
const say = (message) => process.stdout.write(JSON.stringify(message) + '\\n')
for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line)
  const ok = (result) => say({ id: request.id, ok: true, result, rssBytes: 1000 })
  switch (request.op) {
    case 'hello': ok({ protocol: 1, engineVersion: '0.1.0', syftVersion: '1.57.0', grypeVersion: '0.121.2', databaseSchema: 'v6.1.10', cataloguerConfig: 'c0ffee' }); break
    case 'openDatabase': ok({ schemaVersion: 'v6.1.10', builtAt: '2026-11-23T05:00:00Z', checksum: 'x', isSample: false }); break
    case 'catalogue':
      if (request.reference.includes('/poison')) process.kill(process.pid, 'SIGKILL')
      else if (!request.reference.includes('/hang')) { writeFileSync(request.sbomPath, gzipSync(${JSON.stringify(JSON.stringify(sbom))})); ok({ sbomId: '1' }) }
      break
    case 'match': writeFileSync(request.reportPath, ${JSON.stringify(JSON.stringify(report))}); writeFileSync(request.unitsPath, ''); ok({ matchCount: 1, ignoredCount: 0, warnings: [], database: { schemaVersion: 'v6.1.10', builtAt: '2026-11-23T05:00:00Z', checksum: 'x', isSample: false } }); break
    case 'cancel': say({ id: request.target, ok: false, error: { code: 'cancelled', message: 'cancelled' }, rssBytes: 1 }); ok({ cancelled: true }); break
  }
}
`

const grypeSource = `
case "$*" in
  version) echo "Version: 0.121.2" ;;
  "db import -- "*) mkdir -p "$GRYPE_DB_CACHE_DIR/6" && echo '{"digest":"xxh64:1"}' > "$GRYPE_DB_CACHE_DIR/6/import.json" ;;
  "db status -o json") echo '{"schemaVersion":"v6.1.10","built":"2026-11-23T05:00:00Z","valid":true}' ;;
  "db providers -o json") echo '[]' ;;
  *) exit 1 ;;
esac
`

/** A tools folder with an engine and a grype that stand in for the real ones. */
export async function installFakeTools(home: string): Promise<void> {
  const bin = join(home, 'tools', 'bin')
  await mkdir(bin, { recursive: true })
  await writeFile(join(bin, 'engine.mjs'), engineSource)
  await writeFile(
    join(bin, 'pharos-engine'),
    `#!/bin/sh\nexec ${JSON.stringify(process.execPath)} ${JSON.stringify(join(bin, 'engine.mjs'))}\n`,
  )
  await writeFile(join(bin, 'grype'), `#!/bin/sh\n${grypeSource}`)
  for (const name of ['pharos-engine', 'grype']) await chmod(join(bin, name), 0o755)
}
