/** Programs of the kind that users write: a title, imports, declarations and the body of enrich, and the JSON of what it returns. */
export interface GoCase {
  rule: string
  source: string
  json: string
}

export const goInput =
  '{"payload":{"Image":{"ImageSpec":"registry.example/velero/velero:v1.12.0","Labels":{"team":"a.b"}},"Findings":[{"Severity":"High","Score":7.5},{"Severity":"Low","Score":2},{"Severity":"High","Score":9}],"n":5,"no":null,"text":"Grüße 🙂"},"meta":{"eos":{"alpine":[{"version":"3.1","eos":"2020-01-01"}]}}}'

const program = (rule: string, imports: string, body: string, json: string, declarations = ''): GoCase => ({
  rule,
  source: `package main\n${imports
    .split(' ')
    .filter(Boolean)
    .map((name) => `\nimport "${name}"`)
    .join(
      '',
    )}\n${declarations}\nfunc enrich(input map[string]interface{}) map[string]interface{} {\n\tpayload := input["payload"].(map[string]interface{})\n\t_ = payload\n${body}\n}\n`,
  json,
})

const r = (expression: string): string => `\treturn map[string]interface{}{"r": ${expression}}`

export const goCases: readonly GoCase[] = [
  program('numbers of the input are float64', '', r('payload["n"].(float64) + 1'), '{"r":6}'),
  program('ints of its own stay ints', '', r('7 / 2'), '{"r":3}'),
  program('null is nil', '', r('payload["no"] == nil'), '{"r":true}'),
  program('text passes through', '', r('payload["text"]'), '{"r":"Grüße 🙂"}'),
  program(
    'keys are sorted',
    '',
    '\treturn map[string]interface{}{"z": 1, "a": map[string]interface{}{"y": 1, "b": []interface{}{nil, true}}}',
    '{"a":{"b":[null,true],"y":1},"z":1}',
  ),
  program(
    'nil for a reader whose package is not imported',
    'net/http',
    '\trequest, err := http.NewRequest("GET", "http://a.example/b", nil)\n' + r('err == nil && request.URL.Path == "/b"'),
    '{"r":true}',
  ),
  program('checked assertions', '', '\t_, ok := payload["n"].(string)\n' + r('ok'), '{"r":false}'),
  program(
    'counting findings',
    '',
    '\tcounts := map[string]int{}\n\tfor _, each := range payload["Findings"].([]interface{}) {\n\t\tcounts[each.(map[string]interface{})["Severity"].(string)]++\n\t}\n' +
      r('counts'),
    '{"r":{"High":2,"Low":1}}',
  ),
  program('strings', 'strings', r('strings.Split(strings.ToUpper(strings.TrimSpace(" a,b ")), ",")'), '{"r":["A","B"]}'),
  program(
    'fmt',
    'fmt',
    r('fmt.Sprintf("%d|%05.2f|%s|%v|%q|%x|%T", 5, 1.5, "a", []int{1}, "b", 255, 1.0)'),
    '{"r":"5|01.50|a|[1]|\\"b\\"|ff|float64"}',
  ),
  program(
    'regexp',
    'regexp',
    '\tfound := regexp.MustCompile(`velero.*:v?(\\d+\\.\\d+\\.\\d+)`).FindStringSubmatch(payload["Image"].(map[string]interface{})["ImageSpec"].(string))\n' +
      r('found[1]'),
    '{"r":"1.12.0"}',
  ),
  program(
    'semverConstraint',
    '',
    r('[]bool{semverConstraint("1.12.0", "< 1.13"), semverConstraint("1.0.0", ">= 2"), semverConstraint("bad", "> 1")}'),
    '{"r":[true,false,false]}',
  ),
  program(
    'sort.Slice',
    'sort',
    '\tlist := []string{"b", "c", "a"}\n\tsort.Slice(list, func(i, j int) bool { return list[i] > list[j] })\n' + r('list'),
    '{"r":["c","b","a"]}',
  ),
  program(
    'sort of the elementary types',
    'sort',
    '\tlist := []int{3, 1, 2}\n\tsort.Ints(list)\n' + r('[]interface{}{list, sort.SearchInts(list, 2)}'),
    '{"r":[[1,2,3],1]}',
  ),
  program(
    'strconv',
    'strconv',
    '\tn, err := strconv.Atoi("x")\n' + r('[]interface{}{n, err != nil, strconv.Quote("a\\"b"), strconv.FormatFloat(1.5, \'f\', 2, 64)}'),
    '{"r":[0,true,"\\"a\\\\\\"b\\"","1.50"]}',
  ),
  program(
    'time',
    'time',
    '\tt, _ := time.Parse("2006-01-02", "2026-05-04")\n' +
      r('[]interface{}{t.AddDate(0, 1, 0).Format("02.01.2006"), t.Sub(t.Add(-90 * time.Minute)).String(), t.Weekday().String()}'),
    '{"r":["04.06.2026","1h30m0s","Monday"]}',
  ),
  program(
    'structs with JSON tags',
    '',
    '\treturn map[string]interface{}{"r": owner{Name: "a"}, "p": &owner{Name: "b", Team: "t"}}',
    '{"p":{"name":"b","team":"t"},"r":{"name":"a"}}',
    'type owner struct {\n\tName string `json:"name"`\n\tTeam string `json:"team,omitempty"`\n}\n',
  ),
  program(
    'encoding/json',
    'encoding/json',
    '\tvar v struct{ A int `json:"a"` }\n\tif err := json.Unmarshal([]byte(`{"a":5}`), &v); err != nil {\n\t\tpanic(err)\n\t}\n\ttext, _ := json.Marshal(map[string]int{"b": v.A})\n' +
      r('string(text)'),
    '{"r":"{\\"b\\":5}"}',
  ),
  program(
    'methods and interfaces',
    'fmt',
    '\tvar s fmt.Stringer = level(2)\n' + r('[]string{s.String(), fmt.Sprint(level(1)), fmt.Sprintf("%v", level(0))}'),
    '{"r":["high","medium","low"]}',
    'type level int\n\nfunc (l level) String() string { return []string{"low", "medium", "high"}[l] }\n',
  ),
  program(
    'embedding',
    '',
    '\td := dog{animal{"rex"}}\n' + r('d.name() + "!"'),
    '{"r":"rex!"}',
    'type animal struct{ n string }\n\nfunc (a animal) name() string { return a.n }\n\ntype dog struct{ animal }\n',
  ),
  program(
    'generics',
    '',
    r('double([]int{1, 2})'),
    '{"r":[2,4]}',
    'func double[T int | float64](list []T) []T {\n\tout := []T{}\n\tfor _, v := range list {\n\t\tout = append(out, v*2)\n\t}\n\treturn out\n}\n',
  ),
  program(
    'slices and maps packages',
    'slices',
    r('[]interface{}{slices.Contains([]string{"a"}, "a"), slices.Index([]int{3, 4}, 4)}'),
    '{"r":[true,1]}',
  ),
  program(
    'closures and defer',
    '',
    '\tout := []int{}\n\tadd := func(n int) { out = append(out, n) }\n\tfunc() {\n\t\tdefer add(2)\n\t\tadd(1)\n\t}()\n' + r('out'),
    '{"r":[1,2]}',
  ),
  program(
    'recover',
    'fmt',
    r('safe()'),
    '{"r":"caught boom"}',
    'func safe() (text string) {\n\tdefer func() {\n\t\ttext = fmt.Sprint("caught ", recover())\n\t}()\n\tpanic("boom")\n}\n',
  ),
  program(
    'errors',
    'errors fmt',
    '\terr := fmt.Errorf("outer: %w", base)\n' + r('[]interface{}{errors.Is(err, base), err.Error()}'),
    '{"r":[true,"outer: base"]}',
    'var base = errors.New("base")\n',
  ),
  program(
    'switch and type switch',
    '',
    '\tkind := func(v interface{}) string {\n\t\tswitch v := v.(type) {\n\t\tcase nil:\n\t\t\treturn "nil"\n\t\tcase float64:\n\t\t\tif v > 3 {\n\t\t\t\treturn "big"\n\t\t\t}\n\t\t\treturn "small"\n\t\tcase string:\n\t\t\treturn "text"\n\t\tdefault:\n\t\t\treturn "other"\n\t\t}\n\t}\n' +
      r('[]string{kind(nil), kind(payload["n"]), kind("x"), kind(true)}'),
    '{"r":["nil","big","text","other"]}',
  ),
  program(
    'goroutines and channels',
    '',
    '\tc := make(chan int)\n\tfor i := 0; i < 3; i++ {\n\t\tgo func(n int) { c <- n }(i)\n\t}\n\tsum := 0\n\tfor i := 0; i < 3; i++ {\n\t\tsum += <-c\n\t}\n' +
      r('sum'),
    '{"r":3}',
  ),
  program(
    'sync',
    'sync',
    '\tvar wg sync.WaitGroup\n\tvar mu sync.Mutex\n\tn := 0\n\tfor i := 0; i < 5; i++ {\n\t\twg.Add(1)\n\t\tgo func() {\n\t\t\tdefer wg.Done()\n\t\t\tmu.Lock()\n\t\t\tn++\n\t\t\tmu.Unlock()\n\t\t}()\n\t}\n\twg.Wait()\n' +
      r('n'),
    '{"r":5}',
  ),
  program(
    'select and timers',
    'time',
    '\tselect {\n\tcase <-time.After(time.Hour):\n\t\t' + r('"later"').trim() + '\n\tcase <-make(chan int):\n\t}\n\treturn nil',
    '{"r":"later"}',
  ),
  program(
    'text/template',
    'bytes text/template',
    '\tvar b bytes.Buffer\n\ttemplate.Must(template.New("t").Parse("{{ .n }}")).Execute(&b, payload)\n' + r('b.String()'),
    '{"r":"5"}',
  ),
  program(
    'crypto and encodings',
    'crypto/sha256 encoding/hex encoding/base64',
    '\tsum := sha256.Sum256([]byte("a"))\n' + r('[]string{hex.EncodeToString(sum[:2]), base64.StdEncoding.EncodeToString([]byte("a"))}'),
    '{"r":["ca97","YQ=="]}',
  ),
  program(
    'net/url',
    'net/url',
    '\tu, _ := url.Parse("https://h:1/p?q=a+b")\n' + r('[]string{u.Host, u.Query().Get("q")}'),
    '{"r":["h:1","a b"]}',
  ),
  program('math', 'math', r('[]float64{math.Round(2.5), math.Sqrt(9), math.Max(1, 2)}'), '{"r":[3,3,2]}'),
  program('unicode', 'unicode unicode/utf8', r('[]interface{}{utf8.RuneCountInString("ü"), unicode.IsUpper(\'Ü\')}'), '{"r":[1,true]}'),
  program('package variables are initialised in order', '', r('b'), '{"r":3}', 'var b = a + 1\nvar a = f()\n\nfunc f() int { return 2 }\n'),
  program('init runs', '', r('ready'), '{"r":true}', 'var ready bool\n\nfunc init() { ready = true }\n'),
  program(
    'labels, break, continue',
    '',
    '\tn := 0\nouter:\n\tfor i := 0; i < 3; i++ {\n\t\tfor j := 0; j < 3; j++ {\n\t\t\tif j == 2 {\n\t\t\t\tcontinue outer\n\t\t\t}\n\t\t\tif i == 2 {\n\t\t\t\tbreak outer\n\t\t\t}\n\t\t\tn++\n\t\t}\n\t}\n' +
      r('n'),
    '{"r":4}',
  ),
  program('constants and iota', '', r('[]int{a, b, c}'), '{"r":[0,1,2]}', 'const (\n\ta = iota\n\tb\n\tc\n)\n'),
  program(
    'strings.Builder and runes',
    'strings',
    '\tvar b strings.Builder\n\tfor i, c := range "aü" {\n\t\tb.WriteRune(c)\n\t\tb.WriteString(string(rune(\'0\' + i)))\n\t}\n' +
      r('b.String()'),
    '{"r":"a0ü1"}',
  ),
  program('a nil map is an empty one', '', '\treturn nil', '{}'),
  program('changing the input is allowed', '', '\tpayload["n"] = "changed"\n' + r('payload["n"]'), '{"r":"changed"}'),
  {
    rule: 'a program without a package clause',
    source: 'func enrich(in map[string]interface{}) map[string]interface{} {\n\treturn map[string]interface{}{"r": 1}\n}\n',
    json: '{"r":1}',
  },
  {
    rule: 'any for interface{}',
    source: 'package main\n\nfunc enrich(in map[string]any) map[string]any {\n\treturn map[string]any{"r": len(in)}\n}\n',
    json: '{"r":2}',
  },
]

const enrich = (body: string, imports = ''): string =>
  `package main\n${imports
    .split(' ')
    .filter(Boolean)
    .map((name) => `import "${name}"\n`)
    .join('')}func enrich(in map[string]interface{}) map[string]interface{} {\n${body}\n}\n`

/** Programs that fail: kind, line and a part of the message. */
export const goFailures: readonly (readonly [rule: string, source: string, kind: string, line: number | undefined, message: string])[] = [
  ['a syntax error', enrich('\treturn {'), 'syntax', 3, 'expected'],
  ['an undefined name', enrich('\treturn nope'), 'syntax', 3, 'undefined: nope'],
  ['no enrich', 'package main\n\nfunc other() {}\n', 'contract', undefined, 'no function enrich'],
  [
    'another package',
    'package other\n\nfunc enrich(in map[string]interface{}) map[string]interface{} { return in }\n',
    'contract',
    1,
    'must be main',
  ],
  ['another signature', 'package main\n\nfunc enrich(a, b int) int { return a }\n', 'contract', 3, 'enrich must be func'],
  [
    'another parameter',
    'package main\n\nfunc enrich(a int) map[string]interface{} { return nil }\n',
    'contract',
    undefined,
    'enrich must be func',
  ],
  // Where the interpreter's own place is that of the statement before, none is expected here.
  [
    'an index out of range',
    enrich('\tvar list []int\n\treturn map[string]interface{}{"r": list[3]}'),
    'runtime',
    undefined,
    'out of range',
  ],
  ['a nil map', enrich('\tvar m map[string]int\n\tm["a"] = 1\n\treturn nil'), 'runtime', undefined, 'nil map'],
  ['a wrong assertion', enrich('\treturn map[string]interface{}{"r": in["payload"].(string)}'), 'runtime', 3, 'interface conversion'],
  ['a panic', enrich('\tpanic("no owner")'), 'runtime', 3, 'no owner'],
  ['a function in the result', enrich('\treturn map[string]interface{}{"r": func() {}}'), 'output', undefined, 'unsupported type'],
  ['NaN', enrich('\treturn map[string]interface{}{"r": math.NaN()}', 'math'), 'output', undefined, 'JSON has no number'],
  [
    'a map that contains itself',
    enrich('\tm := map[string]interface{}{}\n\tm["m"] = m\n\treturn m'),
    'output',
    undefined,
    'contains itself',
  ],
  ['bytes that are no text', enrich('\treturn map[string]interface{}{"r": "\\xff"}'), 'output', undefined, 'not valid UTF-8'],
  ...['os', 'os/exec', 'syscall', 'unsafe', 'net', 'plugin', 'runtime', 'io/ioutil', 'github.com/traefik/yaegi/interp', './other'].map(
    (name) => [`importing ${name}`, enrich('\treturn nil', name), 'syntax', 2, `the package ${name} is not there for scripts`] as const,
  ),
]
