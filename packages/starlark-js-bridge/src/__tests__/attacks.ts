import type { ScriptErrorKind, ScriptStep } from '../bridge-contract.js'

/** A hostile script, and how it must end. `never` ends by the clock alone, so it gets a bridge with little time. */
export interface Attack {
  name: string
  step: ScriptStep
  ends: ScriptErrorKind | 'ok'
  never?: boolean
}

const star = (name: string, body: string, ends: Attack['ends'], never = false): Attack => ({
  name: `starlark: ${name}`,
  step: { engine: 'starlark', name: 'attack.star', source: `def enrich(input):\n    ${body.replaceAll('\n', '\n    ')}\n` },
  ends,
  never,
})
const text = (name: string, source: string, ends: Attack['ends'], never = false): Attack => ({
  name: `template: ${name}`,
  step: { engine: 'template', name: 'attack.hbs', source },
  ends,
  never,
})
const go = (name: string, body: string, ends: Attack['ends'], imports = '', never = false): Attack => ({
  name: `yaegi: ${name}`,
  step: {
    engine: 'yaegi',
    name: 'attack.go',
    source: `package main\n${imports
      .split(' ')
      .filter(Boolean)
      .map((each) => `import "${each}"\n`)
      .join(
        '',
      )}\nfunc f(n int) int { return f(n+1) + 1 }\n\nfunc enrich(in map[string]interface{}) map[string]interface{} {\n\t${body}\n\treturn map[string]interface{}{}\n}\n`,
  },
  ends,
  never,
})

export const attacks: readonly Attack[] = [
  star('endless work', 'x = 0\nfor i in range(1000000000):\n    x += i\nreturn {}', 'steps'),
  star('nested loops', 'x = 0\nfor i in range(100000):\n    for j in range(100000):\n        x += j\nreturn {}', 'steps'),
  star('a list that grows', 'x = []\nfor i in range(30):\n    x = x + x + [1]\nreturn {"n": len(x)}', 'memory'),
  star('a text that doubles', 'x = "aaaaaaaaaaaaaaaa"\nfor i in range(40):\n    x = x + x\nreturn {"n": len(x)}', 'memory'),
  star('sorting a huge range', 'return {"n": len(sorted(range(30000000)))}', 'memory'),
  star('repetition', 'return {"x": "a" * 1000000000}', 'memory'),
  star('a list of a huge range', 'return {"x": list(range(100000000))}', 'memory'),
  star('a huge number', 'x = 3\nfor i in range(40):\n    x = x * x\nreturn {"x": x}', 'timeout', true),
  star('long output', 'return {"x": ["0123456789"] * 100000}', 'output'),
  star('output that contains itself', 'x = {}\nx["x"] = x\nreturn x', 'output'),
  star('deep output', 'x = []\nfor i in range(5000):\n    x = [x]\nreturn {"x": x}', 'output'),
  star('a function that calls itself by another', 'f = [None]\nf[0] = lambda n: f[0](n + 1)\nreturn {"x": f[0](1)}', 'runtime'),
  star('many prints', 'for i in range(5000):\n    print("x" * 1000)\nreturn {}', 'ok'),
  star('a pattern that backtracks elsewhere', 'return {"x": matches("(a+)+$", "a" * 10000 + "b")}', 'ok'),
  star('a huge pattern', 'return {"x": matches("((a{100}){100}){100}", "a")}', 'runtime'),
  star('the network', 'return {"x": http_get("http://169.254.169.254/")}', 'network'),
  text('a range over 10^10', '{{ range $i, $x := until 2000000000 }}x{{ end }}', 'memory'),
  text('an int to range over', '{{ range 100000000000 }}{{ end }}x: 1', 'timeout', true),
  text('repeat', 'x: {{ repeat 2000000000 "a" }}', 'memory'),
  text('long output', 'x: {{ range 1000000 }}0123456789{{ end }}', 'output'),
  text('a template that calls itself', '{{ define "a" }}{{ template "a" . }}{{ end }}{{ template "a" . }}', 'stack'),
  text(
    'aliases that explode',
    `a: &a [x,x,x,x,x,x,x,x,x]\n${[...'bcdefghi'].map((n, i) => `${n}: &${n} [${Array(9).fill(`*${'abcdefghi'[i]}`).join(',')}]`).join('\n')}\n`,
    'output',
  ),
  text('the environment', 'x: {{ env "PATH" }}', 'syntax'),
  text('a name to look up', 'x: {{ getHostByName "localhost" }}', 'syntax'),
  text('a private key', 'x: {{ genPrivateKey "rsa" }}', 'syntax'),
  text('not a number', 'x: .nan', 'output'),
  text('deep source', `${'{{ if true }}'.repeat(2_000)}x: 1${'{{ end }}'.repeat(2_000)}`, 'ok'),
  text('a method of a map', 'x: {{ .payload.Len }}{{ call .payload.Len }}', 'runtime'),
  go('an endless loop', 'for {\n\t}', 'timeout', '', true),
  go('an endless loop in a goroutine', 'c := make(chan int)\n\tgo func() { for {\n\t} }()\n\t<-c', 'timeout', '', true),
  go('endless sleeps', 'for {\n\t\ttime.Sleep(time.Hour)\n\t}', 'timeout', 'time', true),
  go('one long sleep', 'time.Sleep(10000 * time.Hour)', 'ok', 'time'),
  go('a deadlock', 'select {}', 'crash'),
  go('a channel that nobody reads', 'c := make(chan int)\n\tc <- 1', 'crash'),
  go('a panic in a goroutine', 'done := make(chan int)\n\tgo func() { panic("boom") }()\n\t<-done', 'crash'),
  go('deep recursion', 'f(0)', 'stack'),
  go('make', 'x := make([]byte, 2000000000)\n\t_ = x[0]', 'memory'),
  go('append', 'x := []int{}\n\tfor {\n\t\tx = append(x, 1, 2, 3, 4, 5, 6, 7, 8)\n\t}', 'memory'),
  go(
    'a map that grows',
    'm := map[string]string{}\n\tfor i := 0; ; i++ {\n\t\tm[strings.Repeat("x", 1000)+strconv.Itoa(i)] = "y"\n\t}',
    'memory',
    'strings strconv',
  ),
  go('os.Exit', 'os.Exit(3)', 'syntax', 'os'),
  go('os/exec', 'exec.Command("true").Run()', 'syntax', 'os/exec'),
  go('syscall', 'syscall.Kill(1, 9)', 'syntax', 'syscall'),
  go('unsafe', 'var p unsafe.Pointer\n\t_ = p', 'syntax', 'unsafe'),
  go('net', 'net.Dial("tcp", "127.0.0.1:22")', 'syntax', 'net'),
  go('log.Fatal', 'log.Fatal("end")', 'runtime', 'log'),
  go('a logger’s Fatal', 'log.New(io.Discard, "", 0).Fatal("end")', 'runtime', 'log io'),
  go(
    'files by a template',
    'if _, err := template.ParseFiles("/etc/passwd"); err == nil {\n\t\tpanic("read a file")\n\t}',
    'ok',
    'text/template',
  ),
  go('files by a glob', 'found, _ := filepath.Glob("/*")\n\tif len(found) > 0 {\n\t\tpanic("read a folder")\n\t}', 'ok', 'path/filepath'),
  go('the network', 'if _, err := http.Get("http://127.0.0.1:22/"); err != nil {\n\t\tpanic(err)\n\t}', 'network', 'net/http'),
  go(
    'a transport of its own',
    'c := http.Client{Transport: &http.Transport{}}\n\tif _, err := c.Get("http://127.0.0.1:22/"); err != nil {\n\t\tpanic(err)\n\t}',
    'runtime',
    'net/http',
  ),
  go(
    'a file scheme',
    'c := http.Client{Transport: http.NewFileTransport(http.Dir("/"))}\n\tr, err := c.Get("file:///etc/passwd")\n\tif err == nil && r.StatusCode == 200 {\n\t\tpanic("read a file")\n\t}',
    'ok',
    'net/http',
  ),
  go('a server', 'if err := http.ListenAndServe("127.0.0.1:0", nil); err != nil {\n\t\tpanic(err)\n\t}', 'crash', 'net/http'),
  go('NaN', 'return map[string]interface{}{"x": math.NaN()}', 'output', 'math'),
  go('a map that contains itself', 'm := map[string]interface{}{}\n\tm["m"] = m\n\treturn m', 'output'),
  go('long output', 'return map[string]interface{}{"x": strings.Repeat("x", 1000000)}', 'output', 'strings'),
  go('endless prints', 'for i := 0; i < 100000; i++ {\n\t\tfmt.Print("no line end ")\n\t}', 'ok', 'fmt'),
]
