import { Digest, EngineName, Severity } from '../primitives.js'

/** Lists that take a filter. */
export const filterResources = ['findings', 'images', 'packages', 'workloads'] as const
export type FilterResource = (typeof filterResources)[number]

export type FilterOperator = '=' | '!=' | '>' | '>=' | '<' | '<=' | '~' | 'in'

/**
 * What the values of a field are.
 * - `text`: any text; `~` takes `*` for any run of characters.
 * - `version`: a version, ordered as its package type orders versions.
 * - `time`: a moment (RFC 3339, or a day), or a time before now such as `-7d`.
 * - `enum`, `ordered`: one of `values`; `ordered` ones from the lowest to the highest.
 */
export type FilterFieldType = 'text' | 'version' | 'digest' | 'number' | 'time' | 'boolean' | 'enum' | 'ordered'

/** What a field is a fact of. Conditions on one entity that `and` joins speak of one and the same. */
export type FilterEntity = 'finding' | 'package' | 'image' | 'reference' | 'workload' | 'context'

/** A field of the filter language. */
export interface FilterField {
  readonly name: string
  readonly type: FilterFieldType
  readonly entity: FilterEntity
  readonly values?: readonly string[]
  /** Lists in whose filters it may stand. */
  readonly resources: readonly FilterResource[]
  readonly description: string
}

const everywhere = filterResources
const severities = [...Severity.options].reverse()

/** Decisions that a finding can have; `new` has none. */
export const decisionStatuses = ['new', 'in_triage', 'affected', 'not_affected', 'false_positive', 'accepted', 'fixed'] as const

/** Every field, in the order in which the documentation shows them. */
export const filterFields = [
  field('vulnerability', 'text', 'finding', everywhere, 'Id or alias of the vulnerability; with ~ its canonical id'),
  field('source', 'text', 'finding', everywhere, 'Source of the advisory, e.g. debian:distro:debian:12'),
  field('severity', 'ordered', 'finding', everywhere, 'Severity of the finding', severities),
  field('risk', 'number', 'finding', everywhere, 'Risk of the vulnerability, 0 to 100'),
  field('epss', 'number', 'finding', everywhere, 'Probability of exploitation within 30 days, 0 to 1'),
  field('kev', 'boolean', 'finding', everywhere, 'Known to be exploited'),
  field('fix', 'enum', 'finding', everywhere, 'Fix state', ['fixed', 'not-fixed', 'wont-fix', 'unknown']),
  field('engine', 'enum', 'finding', everywhere, 'Engine that reports it', EngineName.options),
  field('state', 'enum', 'finding', ['findings'], 'open, or gone; without it a filter of findings means the open ones', ['open', 'gone']),
  field('status', 'enum', 'finding', ['findings', 'images', 'workloads'], 'Decision on the finding; new has none', decisionStatuses),
  field('suppressed', 'boolean', 'finding', ['findings', 'images', 'workloads'], 'Whether a decision takes it out of the counts'),
  field('layer', 'digest', 'finding', ['findings', 'images'], 'Diff id of the layer that brought the package'),
  field('package.name', 'text', 'package', everywhere, 'Name of the package'),
  field('package.version', 'version', 'package', everywhere, 'Version, in the order of its package type'),
  field('package.type', 'text', 'package', everywhere, 'Package type, e.g. deb, apk, npm, go-module, java-archive'),
  field('package.purl', 'text', 'package', everywhere, 'Package URL'),
  field('package.language', 'text', 'package', everywhere, 'Language of the package'),
  field('package.distro', 'text', 'package', everywhere, 'Distribution that the package was made for, e.g. debian:12'),
  field('image', 'digest', 'image', everywhere, 'Digest of the image'),
  field('repository', 'text', 'reference', everywhere, 'registry/repository that leads to the image now'),
  field('tag', 'text', 'reference', everywhere, 'Tag that leads to the image now'),
  field('platform', 'text', 'image', everywhere, 'Platform of the image, e.g. linux/amd64'),
  field('distro', 'text', 'image', everywhere, 'Distribution of the image, e.g. debian 12'),
  field('deleted', 'boolean', 'image', ['findings', 'images'], 'Whether its registry no longer has the image'),
  field('critical', 'number', 'image', ['images'], 'Open critical findings that are not suppressed, of the engine with most'),
  field('high', 'number', 'image', ['images'], 'The same of high severity'),
  field('medium', 'number', 'image', ['images'], 'The same of medium severity'),
  field('low', 'number', 'image', ['images'], 'The same of low severity'),
  field('negligible', 'number', 'image', ['images'], 'The same of negligible severity'),
  field('unknown', 'number', 'image', ['images'], 'The same of unknown severity'),
  field('verdict', 'enum', 'image', ['images', 'workloads'], 'Verdict on the image', ['clean', 'vulnerable', 'unknown']),
  field('fixable', 'number', 'image', ['images'], 'The same with a fix, of any severity'),
  field('packageCount', 'number', 'image', ['images'], 'Packages in the image'),
  field('maxRisk', 'number', 'image', ['images'], 'Greatest risk of its findings, 0 to 100'),
  field('sizeBytes', 'number', 'image', ['images'], 'Compressed size, bytes'),
  field('createdAt', 'time', 'image', ['images'], 'When the image was built'),
  field('lastScanned', 'time', 'image', ['images'], 'When an engine last completed'),
  field('firstSeen', 'time', 'finding', ['findings'], 'When the finding was first seen'),
  field('lastSeen', 'time', 'finding', ['findings'], 'When a scan last showed the finding'),
  field('changed', 'time', 'finding', ['findings'], 'When the finding last appeared, went or changed'),
  field('imageFirstSeen', 'time', 'image', ['findings', 'images'], 'When the image was first seen'),
  field('running', 'boolean', 'image', ['findings', 'images', 'packages'], 'Whether a workload runs the image'),
  field('cluster', 'text', 'workload', everywhere, 'Cluster of a workload that runs the image'),
  field('namespace', 'text', 'workload', everywhere, 'Namespace of the workload'),
  field('kind', 'text', 'workload', everywhere, 'Kind of the workload, e.g. Deployment'),
  field('workload', 'text', 'workload', everywhere, 'Name of the workload'),
  field('container', 'text', 'workload', everywhere, 'Container of the workload'),
  field('owner', 'text', 'workload', everywhere, 'Owner of the workload'),
  field('since', 'time', 'workload', ['workloads'], 'Since when the workload runs this image'),
] as const satisfies readonly FilterField[]

/** A value of a context: `context.<owner>.<path>`, where the owner is an enricher or submit. */
export type ContextFieldName = `context.${string}`

export type FilterFieldName = (typeof filterFields)[number]['name'] | ContextFieldName

const operatorsOf: Readonly<Record<FilterFieldType, readonly FilterOperator[]>> = {
  text: ['=', '!=', '~', 'in'],
  version: ['=', '!=', '>', '>=', '<', '<=', '~', 'in'],
  digest: ['=', '!=', 'in'],
  number: ['=', '!=', '>', '>=', '<', '<='],
  time: ['>', '>=', '<', '<='],
  boolean: ['=', '!='],
  enum: ['=', '!=', 'in'],
  ordered: ['=', '!=', '>', '>=', '<', '<=', 'in'],
}

/** Operators that a field takes. */
export function operatorsOfField({ type }: Pick<FilterField, 'type'>): readonly FilterOperator[] {
  return operatorsOf[type]
}

/** Other words that people use for a field; the canonical text has the field's own name. */
const synonyms: ReadonlyMap<string, FilterFieldName> = new Map([
  ['digest', 'image'],
  ['cve', 'vulnerability'],
  ['package', 'package.name'],
])

const byName: ReadonlyMap<string, FilterField & { name: FilterFieldName }> = new Map(
  filterFields.map((one) => [one.name.toLowerCase(), one]),
)

/** What the names of values of contexts begin with. */
export const contextFieldPrefix = 'context.'

/** Any value that an enricher makes is a field; which there are is known to the stored contexts alone. */
function contextField(name: string): (FilterField & { name: ContextFieldName }) | undefined {
  if (!name.toLowerCase().startsWith(contextFieldPrefix) || name.length === contextFieldPrefix.length) return undefined
  const path = name.slice(contextFieldPrefix.length)
  return { name: `context.${path}`, type: 'text', entity: 'context', resources: everywhere, description: `Value ${path} of a context` }
}

/** The field of a name, whatever the case of its letters but for those of a context; undefined for none of this list. */
export function findFilterField(name: string, resource: FilterResource): (FilterField & { name: FilterFieldName }) | undefined {
  const ofContext = contextField(name)
  if (ofContext !== undefined) return ofContext
  const given = name.toLowerCase()
  const found = byName.get(synonyms.get(given)?.toLowerCase() ?? given)
  return found?.resources.includes(resource) === true ? found : undefined
}

/** The field of a name that is one. */
export function filterField(name: FilterFieldName): FilterField {
  const found = contextField(name) ?? byName.get(name.toLowerCase())
  if (found === undefined) throw new Error(`there is no field ${name}`)
  return found
}

/** Names of the fields of a list. */
export function filterFieldNames(resource: FilterResource): string[] {
  return [
    ...filterFields.filter(({ resources }: FilterField) => resources.includes(resource)).map(({ name }) => name as string),
    `${contextFieldPrefix}OWNER.PATH`,
  ]
}

/** Whether a text is a digest, as fields of that type want it. */
export function isDigest(text: string): boolean {
  return Digest.safeParse(text).success
}

function field<N extends string>(
  name: N,
  type: FilterFieldType,
  entity: FilterEntity,
  resources: readonly FilterResource[],
  description: string,
  values?: readonly string[],
) {
  return { name, type, entity, resources, description, ...(values === undefined ? {} : { values }) }
}
