//go:build wasip1

// Command reactor puts the engines into a WebAssembly module. An instance serves one job and is thrown away.
package main

import (
	"encoding/binary"
	"encoding/json"
	"net/http"
	"runtime/debug"
	_ "time/tzdata" // There is no file system to read time zones from.
	"unsafe"

	"pharos/starlark-js-bridge/engine"
)

//go:wasmimport bridge begin
func hostBegin(chain, step uint32)

//go:wasmimport bridge print
func hostPrint(chain uint32, text unsafe.Pointer, length uint32)

//go:wasmimport bridge finish
func hostFinish(chain uint32, header unsafe.Pointer, headerLength uint32, output unsafe.Pointer, outputLength uint32)

//go:wasmimport bridge fetch
func hostFetch(request unsafe.Pointer, length uint32) uint32

//go:wasmimport bridge fetched
func hostFetched(response unsafe.Pointer)

type host struct{}

func pointer(data []byte) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(data)) }

func (host) Begin(chain, step int) { hostBegin(uint32(chain), uint32(step)) }

func (host) Print(chain int, line string) {
	hostPrint(uint32(chain), unsafe.Pointer(unsafe.StringData(line)), uint32(len(line)))
}

func (host) Finish(chain int, result engine.Result, output []byte) {
	header, _ := json.Marshal(result)
	hostFinish(uint32(chain), pointer(header), uint32(len(header)), pointer(output), uint32(len(output)))
}

func fetch(request engine.WebRequest) engine.WebResponse {
	text := engine.EncodeWebRequest(request)
	response := make([]byte, hostFetch(pointer(text), uint32(len(text))))
	hostFetched(pointer(response))
	return engine.DecodeWebResponse(response)
}

// The buffers that the host has written a job into.
var kept = map[uint32][]byte{}

//go:wasmexport alloc
func alloc(length uint32) uint32 {
	buffer := make([]byte, max(length, 1))
	at := uint32(uintptr(pointer(buffer)))
	kept[at] = buffer
	return at
}

//go:wasmexport limit
func limit(memoryBytes, stackBytes, growthPercent uint32) {
	debug.SetMemoryLimit(int64(memoryBytes))
	debug.SetMaxStack(int(stackBytes))
	debug.SetGCPercent(int(growthPercent))
}

// run does a job: parts that each begin with their length. The first is the job, the second the shared input, the others belong to chains.
//
//go:wasmexport run
func run(at, length uint32) {
	data := kept[at][:length]
	var parts [][]byte
	for len(data) >= 4 {
		size := binary.LittleEndian.Uint32(data)
		parts = append(parts, data[4:4+size:4+size])
		data = data[4+size:]
	}
	job, err := engine.DecodeJob(parts[0])
	if err != nil {
		panic(err)
	}
	engine.Do(job, parts[1], parts[2:], host{})
}

func main() {
	engine.Fetch = fetch
	http.DefaultTransport = engine.Transport{}
}

func init() { main() }
