// The server that tests of the MongoDB store talk to: FerretDB, which speaks MongoDB's protocol over SQLite.
//
// FerretDB reads a document and writes it back in two steps, so that updates of one document at the same moment are lost.
// MongoDB makes each update one step. Therefore FerretDB listens on a socket of its own, and what stands in front of it
// lets one request in at a time.
package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"

	"github.com/FerretDB/FerretDB/ferretdb"
)

// Usage: ferretdb ADDRESS DIRECTORY. Prints the URL that it serves. It ends when its standard input does, that is with its
// parent, and removes the directory then.
func main() {
	address, directory := os.Args[1], os.Args[2]
	socket := filepath.Join(directory, "socket")
	server, err := ferretdb.New(&ferretdb.Config{
		Listener:  ferretdb.ListenerConfig{Unix: socket},
		Handler:   "sqlite",
		SQLiteURL: "file:" + directory + "/",
		Logger:    slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})),
	})
	failOn(err)
	listener, err := net.Listen("tcp", address)
	failOn(err)
	fmt.Printf("mongodb://%s/\n", listener.Addr())
	go serve(listener, socket)
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	failOn(server.Run(ctx))
	failOn(os.RemoveAll(directory))
}

func serve(listener net.Listener, socket string) {
	var turn sync.Mutex
	for {
		client, err := listener.Accept()
		failOn(err)
		go func() {
			defer client.Close()
			server, err := net.Dial("unix", socket)
			if err != nil {
				return
			}
			defer server.Close()
			for exchange(client, server, &turn) == nil {
			}
		}()
	}
}

// One request and its answer.
func exchange(client, server net.Conn, turn *sync.Mutex) error {
	request, err := readMessage(client)
	if err != nil {
		return err
	}
	turn.Lock()
	answer, err := ask(server, request)
	turn.Unlock()
	if err != nil {
		return err
	}
	_, err = client.Write(answer)
	return err
}

func ask(server net.Conn, request []byte) ([]byte, error) {
	if _, err := server.Write(request); err != nil {
		return nil, err
	}
	const opMsg, moreToCome = 2013, 2
	isMsg := binary.LittleEndian.Uint32(request[12:]) == opMsg
	if isMsg && binary.LittleEndian.Uint32(request[16:])&moreToCome != 0 {
		return nil, nil
	}
	return readMessage(server)
}

// Every message begins with its length, of four bytes, in a header of 16.
func readMessage(from io.Reader) ([]byte, error) {
	message := make([]byte, 20)
	if _, err := io.ReadFull(from, message); err != nil {
		return nil, err
	}
	length := binary.LittleEndian.Uint32(message)
	if length < 20 || length > 64<<20 {
		return nil, fmt.Errorf("a message of %d bytes", length)
	}
	message = append(message, make([]byte, length-20)...)
	_, err := io.ReadFull(from, message[20:])
	return message, err
}

func failOn(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
