import { Agent, request } from 'node:http'
import type { Gateway } from '../gateway.js'

/** Latencies of one question, in milliseconds. */
export interface QueryFigures {
  name: string
  latenciesMs: number[]
  /** Rows of all answers: a question without answers would be a fast one. */
  rows: number
}

interface Question {
  name: string
  /** Paths under /api/v1, asked in turn. */
  paths: readonly string[]
}

/** What is asked of a fleet. The vulnerabilities are ids that it has findings of, from those in most images to those in few. */
export function questions(vulnerabilities: readonly string[]): Question[] {
  const filter = (text: string): string => `filter=${encodeURIComponent(text)}`
  return [
    { name: 'images', paths: ['/images?limit=50', '/images?limit=50&sort=-risk', '/images?limit=50&severity=critical'] },
    {
      name: 'images, search',
      paths: ['billing', 'gateway', 'checkout/api*'].map((text) => `/images?limit=50&search=${encodeURIComponent(text)}`),
    },
    {
      name: 'findings',
      paths: [
        '/findings?limit=50',
        '/findings?limit=50&sort=-severity',
        `/findings?limit=50&${filter('kev = true')}`,
        `/findings?limit=50&${filter('severity >= high and fix = fixed')}`,
      ],
    },
    { name: 'CVE -> images', paths: vulnerabilities.map((id) => `/vulnerabilities/${id}/images?limit=50`) },
    {
      name: 'package search',
      paths: ['openssl*', 'lodash', '*requests*', 'jackson*'].map((name) => `/packages?limit=50&${filter(`package.name ~ "${name}"`)}`),
    },
  ]
}

/** Asks every question once, in turns with the others, until `isOver` and at least `least` times. One at a time, over a kept connection. */
export async function askInTurns(
  gateway: Gateway,
  asked: readonly Question[],
  { least, isOver }: { least: number; isOver: () => boolean },
): Promise<QueryFigures[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const figures = asked.map(({ name }) => ({ name, latenciesMs: [] as number[], rows: 0 }))
  try {
    for (let turn = 0; turn < least || !isOver(); turn += 1) {
      for (const [position, { paths }] of asked.entries()) {
        const path = paths[turn % paths.length]
        const figure = figures[position]
        if (path === undefined || figure === undefined) continue
        const beganMs = performance.now()
        const text = await get(agent, gateway, path)
        figure.latenciesMs.push(performance.now() - beganMs)
        figure.rows += (JSON.parse(text) as { items: unknown[] }).items.length
      }
    }
  } finally {
    agent.destroy()
  }
  return figures
}

function get(agent: Agent, { address, token }: Gateway, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const sent = request(`${address}/api/v1${path}`, { agent, headers: { authorization: `Bearer ${token}` } }, (answer) => {
      let text = ''
      answer.setEncoding('utf8').on('data', (part: string) => {
        text += part
      })
      answer.once('end', () =>
        answer.statusCode === 200
          ? resolve(text)
          : reject(new Error(`${path} was answered ${answer.statusCode ?? 'not at all'}: ${text.slice(0, 300)}`)),
      )
    })
    sent.once('error', reject).end()
  })
}
