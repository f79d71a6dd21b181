import { setTimeout as sleep } from 'node:timers/promises'
import { databaseOf, openImageSite } from './image-site.js'
import { printMachineFacts } from './machine-facts.js'
import { readSizes } from './options.js'
import { type Suite, startSuite } from './pharos-suite.js'
import { mebibytes, printTable } from './print.js'
import { memoryOf } from './process-usage.js'

const sizes = readSizes('Memory: what the suite holds while it has nothing to do, and after scans.', {
  idleSeconds: { default: 20, description: 'Seconds without work before a reading' },
  small: { default: 2, description: 'Small images that are scanned in between' },
  debian: { default: 1, description: 'Debian images that are scanned in between' },
})

async function main(): Promise<void> {
  const site = await openImageSite({ smallCount: sizes.small, debianCount: sizes.debian })
  const suite = await startSuite()
  try {
    await printMachineFacts(suite.settings.databaseUrl)
    await read(`after the start and ${sizes.idleSeconds} s without work`, suite)
    await suite.gateway.allowLocalRegistry(site.host)
    await suite.gateway.importDatabase(await (await databaseOf('current')).read())
    await suite.gateway.submitAll(
      [...site.small, ...site.debian].map((image) => ({ image })),
      'bench',
    )
    await suite.gateway.untilEnded('bench')
    await read(`after ${sizes.small} small and ${sizes.debian} Debian images, and ${sizes.idleSeconds} s without work`, suite)
  } finally {
    await suite.close()
    await site.close()
  }
}

async function read(title: string, { processes, pids }: Suite): Promise<void> {
  await sleep(sizes.idleSeconds * 1000)
  const rows = processes.map(({ name, pid }) => [name, memoryOf([pid])] as const)
  printTable(`${title} (a service with its engines; PSS counts shared pages once)`, [
    ['', 'RSS', 'PSS'],
    ...[...rows, ['all together', memoryOf(pids)] as const].map(([name, memory]) => [
      name,
      mebibytes(memory.rssBytes),
      mebibytes(memory.pssBytes),
    ]),
  ])
}

await main()
