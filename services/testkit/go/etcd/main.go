// The etcd that tests talk to: etcd itself with its own flags, except that it ends when its standard input does, that is
// with its parent, and removes the directory that PARLEY_TEST_DIRECTORY names then.
package main

import (
	"io"
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() {
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		_ = os.RemoveAll(os.Getenv("PARLEY_TEST_DIRECTORY"))
		os.Exit(0)
	}()
	etcdmain.Main(os.Args)
}
