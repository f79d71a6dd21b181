// Command sample-go-app answers over HTTP/2. It pins an old golang.org/x/net on purpose: scanners find known vulnerabilities in it.
// It uses that module's http2 package and not its html package, so an advisory on html names symbols that the binary does not hold.
package main

import (
	"fmt"
	"log"
	"net/http"

	"golang.org/x/net/http2"
)

func main() {
	server := &http.Server{Addr: "127.0.0.1:8080", Handler: http.HandlerFunc(greet)}
	if err := http2.ConfigureServer(server, &http2.Server{}); err != nil {
		log.Fatal(err)
	}
	log.Fatal(server.ListenAndServeTLS("cert.pem", "key.pem"))
}

func greet(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintf(w, "hello over %s\n", r.Proto)
}
