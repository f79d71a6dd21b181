import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { expect, it } from 'vitest'
import {
  filterFields,
  filterResources,
  openApiDocument,
  operatorsOfField,
  problemDefinitions,
  routes,
} from '../../packages/contracts/src/index.ts'
import { renderConfigurationMarkdown } from '../../packages/service-kit/src/index.ts'

// The pages in docs/reference are what these tests render: a change of the contracts or parameters that is not rendered again fails here.
// `npm run docs` writes them.
const root = resolve(import.meta.dirname, '../..')
const page = (name) => resolve(root, 'docs/reference', name)
const apps = ['api-gateway', 'results-service', 'scanner-worker', 'scheduler'].filter((app) =>
  existsSync(resolve(root, `apps/${app}/src/configuration.ts`)),
)

const table = (head, rows) =>
  [head, head.map(() => '---'), ...rows]
    .map((cells) => `| ${cells.map((cell) => String(cell).replaceAll('|', '\\|')).join(' | ')} |`)
    .join('\n')

it.each(apps)('the parameters of %s are on its page', async (app) => {
  const { configurationDefinition } = await import(`../../apps/${app}/src/configuration.ts`)
  await expect(`${renderConfigurationMarkdown(configurationDefinition).trimEnd()}\n`).toMatchFileSnapshot(page(`${app}.md`))
})

it('every problem is on the page of problems', async () => {
  const rows = Object.entries(problemDefinitions).map(([code, problem]) => [
    `\`${code}\``,
    problem.status,
    problem.title,
    problem.failureClass,
    problem.logLevel,
  ])
  const text = `# Problems

Every error is an RFC 9457 problem (\`application/problem+json\`); its \`code\` is one of these. The class says what a scan task does with it:
*transient* is tried again with exponential back-off and jitter, *permanent* ends the task at once, *none* answers a caller and ends no task.

${table(['code', 'status', 'title', 'class', 'logged as'], rows)}
`
  await expect(text).toMatchFileSnapshot(page('problems.md'))
})

it('every field of filters is on the page of fields', async () => {
  const rows = filterFields.map((field) => [
    `\`${field.name}\``,
    field.type === 'ordered' ? 'enum, ordered' : field.type,
    operatorsOfField(field)
      .map((operator) => `\`${operator}\``)
      .join(' '),
    field.resources.length === filterResources.length ? 'all' : field.resources.join(', '),
    `${field.description}${field.values ? `: ${field.values.map((value) => `\`${value}\``).join(', ')}` : ''}`,
  ])
  const text = `# Fields of filters

What the filters of \`/findings\`, \`/images\`, \`/packages\` and \`/workloads\` can say; how they are written: [queries](../query.md).

${table(['field', 'type', 'operators', 'in filters of', 'what'], rows)}
`
  await expect(text).toMatchFileSnapshot(page('filter-fields.md'))
})

it('every route is on the page of routes', async () => {
  const tags = [...new Set(routes.map((route) => route.tag))]
  const section = (tag) => {
    const rows = routes
      .filter((route) => route.tag === tag)
      .map((route) => [`\`${route.method} /api/v1${route.path}\``, route.role === 'none' ? 'open' : route.role, route.summary])
    return `## ${tag}\n\n${table(['route', 'role', 'what'], rows)}`
  }
  const text = `# Routes

Schemas, parameters and answers of each route: [openapi.json](openapi.json), and \`/docs\` on a running gateway.
\`/healthz\`, \`/readyz\`, \`/metrics\` are on every service; \`/openapi.json\` and \`/docs\` on the gateway.

${tags.map(section).join('\n\n')}
`
  await expect(text).toMatchFileSnapshot(page('routes.md'))
})

it('the OpenAPI document is the one that the contracts give', async () => {
  await expect(`${JSON.stringify(openApiDocument('0.1.0'), null, 2)}\n`).toMatchFileSnapshot(page('openapi.json'))
})
