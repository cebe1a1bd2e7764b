// A client of Parley: one device that sends what it reads from standard input and prints what it receives. It does what
// proto/README.md asks of a client.
//
//	PARLEY_PASSWORD=parley-demo go run . [-server URL]... [-state FILE] HANDLE PEER
//
// Every line of input goes to PEER as a message; every line of output is a JSON object with an `event`. Ctrl-C ends it; the
// next start with the same state goes on where this one stopped.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// stopped means that only a person can help now.
type stopped struct{ why string }

func (s stopped) Error() string { return s.why }

type fields map[string]any

func emit(event string, more fields) {
	line := fields{"event": event}
	for name, value := range more {
		line[name] = value
	}
	if err := json.NewEncoder(os.Stdout).Encode(line); err != nil {
		panic(err) // Nobody reads what we say.
	}
}

func main() {
	options := parseOptions()
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	if err := run(ctx, options); err != nil {
		emit("stopped", fields{"why": err.Error()})
		os.Exit(1)
	}
}

func run(ctx context.Context, options options) error {
	kept, err := openStore(options.state)
	if err != nil {
		return err
	}
	defer kept.db.Close()
	return newDevice(options, kept).run(ctx)
}

type options struct {
	handle, peer, state string
	servers             []string
	renewBefore         time.Duration
}

func parseOptions() (o options) {
	flag.Func("server", "base URL of a node; may be repeated", func(value string) error {
		o.servers = append(o.servers, value)
		return nil
	})
	flag.StringVar(&o.state, "state", "", "where this device is kept; HANDLE.db unless told otherwise")
	seconds := flag.Int("renew-before", 120, "seconds before its end at which a token is renewed")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "Sends what it reads to PEER, and prints what it receives.\nusage: client [flags] HANDLE PEER")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() != 2 {
		flag.Usage()
		os.Exit(2)
	}
	o.handle, o.peer = flag.Arg(0), flag.Arg(1)
	o.renewBefore = time.Duration(*seconds) * time.Second
	if len(o.servers) == 0 {
		o.servers = []string{"http://127.0.0.1:7080"}
	}
	if o.state == "" {
		o.state = o.handle + ".db"
	}
	return o
}
