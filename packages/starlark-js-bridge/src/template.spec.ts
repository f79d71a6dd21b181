import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { JsonText, type Bridge } from './bridge-contract.js'
import { createBridge } from './bridge.js'
import { hasNative, NativeEngines } from './__tests__/native-engines.js'
import {
  pharosFunctions,
  sprigCases,
  sprigForms,
  templateFailures,
  templateInput,
  templateLanguage,
  withheldFunctions,
} from './__tests__/template-cases.js'

describe.skipIf(!hasNative)('templates', () => {
  let bridge: Bridge
  let native: NativeEngines

  beforeAll(async () => {
    bridge = await createBridge({ workers: 1, timeoutMs: 60_000 })
    native = new NativeEngines()
  })
  afterAll(async () => {
    native?.close()
    await bridge?.close()
  })

  const render = (source: string) =>
    bridge.renderText({ templates: [{ name: 'text', source }], root: 'text', data: new JsonText(templateInput), functions: 'sprig' })

  it.each([...templateLanguage, ...sprigCases, ...pharosFunctions])('%s', async (_name, source, text) => {
    expect(await render(source)).toEqual({ ok: true, text })
    expect(await native.text(source, templateInput, 'sprig')).toMatchObject({ output: text })
  })

  it.each([...templateLanguage, ...sprigCases])('%s, as the engine alone has it', async (_name, source, text) => {
    const answer = await native.plain({ engine: 'template', name: 'text', source }, templateInput)
    expect(answer).toMatchObject({ output: text })
    expect(answer.error).toBeUndefined()
  })

  it.each(sprigForms)('%s', async (_name, source, form) => {
    const first = await render(source)
    expect(first).toMatchObject({ ok: true, text: expect.stringMatching(form) as string })
    // The same chance each time, because it starts from the same seed.
    expect(await render(source)).toEqual(first)
  })

  it('has a case for each function of sprig that scripts get, and for none that they do not', async () => {
    const answer = await native.functionNames()
    const covered = new Set([...sprigCases, ...sprigForms].flatMap(([names]) => names.split(' ')))
    const known = new Set([...covered, ...withheldFunctions])
    expect(answer.filter((name) => !known.has(name))).toEqual([])
    expect([...known].filter((name) => !answer.includes(name))).toEqual([])
  })

  it.each(withheldFunctions)('does not give %s to scripts', async (name) => {
    expect(await render(`{{ ${name} }}`)).toMatchObject({ ok: false, error: { kind: 'syntax', message: `function "${name}" not defined` } })
  })

  it.each(templateFailures)('refuses: %s', async (_rule, source, kind, line, message) => {
    const step = { engine: 'template' as const, name: 'case.hbs', source }
    const result = await bridge.run({ ...step, input: new JsonText(templateInput) })
    expect(result).toMatchObject({
      ok: false,
      error: { kind, engine: 'template', script: 'case.hbs', message: expect.stringContaining(message) as string },
    })
    if (line !== undefined) expect(result).toMatchObject({ error: { line } })
    // How deep templates may nest is the engine's own limit on WebAssembly, and another one natively.
    if (kind === 'stack') return
    const { error } = await native.run(step, templateInput)
    expect(result).toMatchObject({ error: { ...error } })
  })

  it.each([
    ['keys keep their order', 'z: 1\na: {y: 1, b: 2}\nm: [{d: 1, c: 2}]', '{"z":1,"a":{"y":1,"b":2},"m":[{"d":1,"c":2}]}'],
    [
      'types are those of YAML',
      'a: 1\nb: 1.5\nc: true\nd: null\ne: "1"\nf: text\ng: 012\nh: 1.10\ni: yes\nj: 0x1f',
      '{"a":1,"b":1.5,"c":true,"d":null,"e":"1","f":"text","g":10,"h":1.1,"i":"yes","j":31}',
    ],
    [
      'dates become times, as upstream',
      'd: 2028-06-30\nt: 2028-06-30T10:00:00+02:00',
      '{"d":"2028-06-30T00:00:00Z","t":"2028-06-30T10:00:00+02:00"}',
    ],
    ['nothing is an empty map', '{{- /* nothing */ -}}\n', '{}'],
    ['merge keys and anchors', 'base: &b {x: 1}\nd:\n  <<: *b\n  y: 2\nl: *b', '{"base":{"x":1},"d":{"y":2,"x":1},"l":{"x":1}}'],
    ['a missing value is a text', 'x: {{ .nope }}', '{"x":"<no value>"}'],
    ['large numbers are numbers again', 'x: {{ .big }}', '{"x":123456789}'],
  ])('reads its text as YAML: %s', async (_rule, source, json) => {
    const step = { engine: 'template' as const, name: 'y.hbs', source }
    expect(await bridge.run({ ...step, input: new JsonText(templateInput) })).toMatchObject({ ok: true, outputText: json })
    expect(await native.run(step, templateInput)).toMatchObject({ output: json })
  })

  it('compares as the engine does where upstream’s numbers are asked for', async () => {
    const upstream = await createBridge({ workers: 1, numbers: 'float' })
    try {
      const run = (source: string) => upstream.run({ engine: 'template', name: 'n.hbs', source, input: { n: 5 } })
      expect(await run('x: {{ eq .n 5.0 }}')).toMatchObject({ outputText: '{"x":true}' })
      expect(await run('x: {{ eq .n 5 }}')).toMatchObject({
        ok: false,
        error: { message: expect.stringContaining('incompatible types') as string },
      })
    } finally {
      await upstream.close()
    }
  })

  it('knows whole numbers that a float cannot hold', async () => {
    const source = 'x: {{ .id }}\ny: {{ eq .id .id }}\nz: {{ gt .id 5 }}'
    const input = new JsonText('{"id":9007199254740993}')
    expect(await bridge.run({ engine: 'template', name: 'id.hbs', source, input })).toMatchObject({
      outputText: '{"x":9007199254740993,"y":true,"z":true}',
    })
  })
})

describe.skipIf(!hasNative)('texts of alerts', () => {
  let bridge: Bridge
  let native: NativeEngines
  beforeAll(async () => {
    bridge = await createBridge({ workers: 1, timeoutMs: 60_000, now: Date.UTC(2026, 4, 4, 12) })
    native = new NativeEngines()
  })
  afterAll(async () => {
    native?.close()
    await bridge?.close()
  })

  const data = JSON.stringify({
    receiver: 'team\\.a',
    status: 'firing',
    alerts: [
      {
        status: 'firing',
        labels: { alertname: 'CVE', severity: 'critical', image: 'a' },
        annotations: { text: 'x' },
        startsAt: '2026-05-04T10:00:00Z',
        endsAt: '0001-01-01T00:00:00Z',
        fingerprint: 'f',
      },
      {
        status: 'resolved',
        labels: { alertname: 'CVE', severity: 'low' },
        annotations: {},
        startsAt: '2026-05-04T09:00:00Z',
        endsAt: '2026-05-04T10:30:00Z',
      },
    ],
    groupLabels: { alertname: 'CVE' },
    commonLabels: { zone: 'eu', alertname: 'CVE', app: 'x' },
    commonAnnotations: {},
    externalURL: 'https://pharos.example',
  })

  it.each([
    [
      'fields',
      '{{ .Receiver }} {{ .Status }} {{ .ExternalURL }} {{ .GroupLabels.alertname }}',
      'team\\.a firing https://pharos.example CVE',
    ],
    ['firing and resolved', '{{ len .Alerts.Firing }} {{ range .Alerts.Resolved }}{{ .Labels.severity }}{{ end }}', '1 low'],
    [
      'sorted pairs, the alert’s name first',
      '{{ .CommonLabels.SortedPairs }} {{ .CommonLabels }}',
      'alertname=CVE, app=x, zone=eu alertname=CVE, app=x, zone=eu',
    ],
    [
      'names, values, remove',
      '{{ .CommonLabels.Names }} {{ .CommonLabels.Values }} {{ (.CommonLabels.Remove (stringSlice "zone")).Names }}',
      '[alertname app zone] [CVE x eu] [alertname app]',
    ],
    ['a missing label is empty', '[{{ .CommonLabels.nope }}]', '[]'],
    [
      'toUpper toLower title trimSpace',
      '{{ toUpper "a" }}{{ toLower "B" }}{{ title "hELLO wORLD" }}{{ trimSpace " c " }}',
      'AbHello Worldc',
    ],
    ['join', '{{ join "," (stringSlice "a" "b") }} {{ .CommonLabels.Names | join "+" }}', 'a,b alertname+app+zone'],
    ['match', '{{ match "^c.*" "critical" }}', 'true'],
    ['reReplaceAll', '{{ reReplaceAll "(.*):.*" "$1" "host:80" }}', 'host'],
    ['safeHtml safeUrl urlUnescape', '{{ safeHtml "<b>" }}{{ safeUrl "a b" }}{{ urlUnescape "a%20b" }}', '<b>a ba b'],
    ['date tz', '{{ (index .Alerts 0).StartsAt | tz "Europe/Berlin" | date "15:04" }}', '12:00'],
    ['since and now', '{{ since (index .Alerts 0).StartsAt | humanizeDuration }} {{ now | date "2006" }}', '2h 0m 0s 2026'],
    [
      'humanizeDuration',
      '{{ humanizeDuration 0 }} {{ humanizeDuration 0.02 }} {{ humanizeDuration 12.345 }} {{ humanizeDuration 100000 }} {{ humanizeDuration -61 }}',
      '0s 20ms 12.35s 1d 3h 46m 40s -1m 1s',
    ],
    ['toDate mustToDate', '{{ toDate "2006-01-02" "2026-05-04" | date "02" }}{{ mustToDate "2006" "2020" | date "06" }}', '0420'],
    ['toJson', '{{ toJson .GroupLabels }}', '{"alertname":"CVE"}'],
    ['base64encode base64decode', '{{ base64encode "a??>" }} {{ base64decode "YT8_Pg==" }}', 'YT8_Pg== a??>'],
    ['list append dict', '{{ $l := append (list 1) 2 }}{{ $l }} {{ (dict "a" 1).a }}', '[1 2] 1'],
    ['and Go’s own', '{{ if and (eq .Status "firing") (gt (len .Alerts) 1) }}{{ printf "%d" (len .Alerts) }}{{ end }}', '2'],
  ])('%s', async (name, source, text) => {
    expect(
      await bridge.renderText({ templates: [{ name: 'root', source }], root: 'root', data: new JsonText(data), functions: 'alertmanager' }),
    ).toEqual({
      ok: true,
      text,
    })
    // The native program has the time of day.
    if (!name.includes('now')) expect(await native.text(source, data, 'alertmanager')).toMatchObject({ output: text })
  })

  it('includes other templates, and names the one that is wrong', async () => {
    const templates = [
      { name: 'parts', source: '{{ define "title" }}[{{ .Status }}]{{ end }}' },
      { name: 'root', source: '{{ template "title" . }} {{ .GroupLabels.alertname }}' },
    ]
    const request = { root: 'root', data: new JsonText(data), functions: 'alertmanager' } as const
    expect(await bridge.renderText({ ...request, templates })).toEqual({ ok: true, text: '[firing] CVE' })
    expect(await bridge.renderText({ ...request, templates: [...templates, { name: 'bad', source: 'x\n{{ nope }}' }] })).toMatchObject({
      ok: false,
      error: { kind: 'syntax', script: 'bad', line: 2 },
    })
    expect(await bridge.renderText({ ...request, root: 'other', templates })).toMatchObject({
      ok: false,
      error: { kind: 'contract', script: 'other' },
    })
  })

  it('refuses data that is no notification', async () => {
    const result = await bridge.renderText({
      templates: [{ name: 'r', source: 'x' }],
      root: 'r',
      data: { alerts: 'none' },
      functions: 'alertmanager',
    })
    expect(result).toMatchObject({ ok: false, error: { kind: 'input', script: 'r' } })
  })
})
