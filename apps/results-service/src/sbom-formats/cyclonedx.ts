import { contentHash } from '../inventory/content-hash.js'
import { dependenciesOf, type SbomSubject, type SyftArtifact, type SyftDocument, uniqueArtifacts } from './syft-document.js'

const cpe23 =
  /^cpe:2\.3:[aho*-](:(((\?*|\*?)([a-zA-Z0-9\-._]|(\\[\\*?!"#$%&'()+,/:;<=>@[\]^`{|}~]))+(\?*|\*?))|[*-])){5}(:(([a-zA-Z]{2,3}(-([a-zA-Z]{2}|[0-9]{3}))?)|[*-]))(:(((\?*|\*?)([a-zA-Z0-9\-._]|(\\[\\*?!"#$%&'()+,/:;<=>@[\]^`{|}~]))+(\?*|\*?))|[*-])){4}$/

/** A CycloneDX 1.6 document of a kept SBOM (https://cyclonedx.org/docs/1.6/json/). The same SBOM always makes the same document. */
export function cycloneDxOf(document: SyftDocument, subject: SbomSubject): object {
  const artifacts = uniqueArtifacts(document)
  const { descriptor, distro } = document
  const rootRef = `image:${subject.digest}`
  const dependencies = [...dependenciesOf(document)].map(([dependent, of]) => ({
    ref: refOf(dependent),
    dependsOn: [...of].map(refOf).sort(),
  }))
  const system =
    distro?.id === undefined
      ? []
      : [
          {
            type: 'operating-system',
            'bom-ref': `os:${distro.id}`,
            name: distro.id,
            ...(distro.versionID === undefined ? {} : { version: distro.versionID }),
          },
        ]
  return {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    serialNumber: `urn:uuid:${serialOf(subject)}`,
    version: 1,
    metadata: {
      timestamp: subject.createdAt.toISOString(),
      tools: {
        components: [
          { type: 'application', name: descriptor?.name ?? 'syft', version: descriptor?.version ?? '' },
          { type: 'application', name: 'pharos' },
        ],
      },
      component: { type: 'container', 'bom-ref': rootRef, name: subject.name, version: subject.digest },
    },
    components: [...artifacts.map(componentOf), ...system],
    dependencies: [
      { ref: rootRef, dependsOn: [...artifacts.map(({ id }) => refOf(id)), ...system.map((item) => item['bom-ref'])] },
      ...dependencies,
    ],
  }
}

const refOf = (artifactId: string): string => `package:${artifactId}`

/** A version 4 UUID by its form, made of the content. */
function serialOf({ digest, createdAt }: SbomSubject): string {
  const hash = contentHash(digest, createdAt)
  return `${hash.slice(0, 14)}4${hash.slice(15, 19)}8${hash.slice(20)}`
}

function componentOf(artifact: SyftArtifact): object {
  const cpe = artifact.cpes?.find((candidate) => cpe23.test(candidate))
  const licenses = licensesOf(artifact)
  const properties = [
    { name: 'syft:package:type', value: artifact.type },
    ...(artifact.foundBy === '' ? [] : [{ name: 'syft:package:foundBy', value: artifact.foundBy }]),
    ...(artifact.language === '' ? [] : [{ name: 'syft:package:language', value: artifact.language }]),
    ...(artifact.locations ?? []).flatMap(({ path, layerID }, position) => [
      { name: `syft:location:${position}:path`, value: path },
      ...(layerID === undefined ? [] : [{ name: `syft:location:${position}:layerID`, value: layerID }]),
    ]),
  ]
  return {
    type: 'library',
    'bom-ref': refOf(artifact.id),
    name: artifact.name,
    ...(artifact.version === '' ? {} : { version: artifact.version }),
    ...(licenses.length === 0 ? {} : { licenses }),
    ...(cpe === undefined ? {} : { cpe }),
    ...(artifact.purl === '' ? {} : { purl: artifact.purl }),
    properties,
  }
}

/** One expression stands alone; several licences are named, since the list of ids is closed and an expression may not be mixed in. */
function licensesOf({ licenses }: SyftArtifact): object[] {
  const [first, ...rest] = licenses ?? []
  if (first !== undefined && rest.length === 0 && first.spdxExpression !== '') return [{ expression: first.spdxExpression }]
  const names = new Set((licenses ?? []).map(({ value, spdxExpression }) => spdxExpression || value).filter((name) => name !== ''))
  return [...names].map((name) => ({ license: { name } }))
}
