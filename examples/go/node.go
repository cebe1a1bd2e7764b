package main

import (
	"crypto/tls"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"time"

	accountv1 "parley.example/client/gen/parley/account/v1"
	messagev1 "parley.example/client/gen/parley/message/v1"
	sessionv1 "parley.example/client/gen/parley/session/v1"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
)

const (
	// The longest that a unary call may take.
	callTimeout = 10 * time.Second
	// Full jitter: a random part of the first, which doubles up to the second.
	backoffBase, backoffMax = 500 * time.Millisecond, 30 * time.Second
)

// A connection holds the clients of one node. One is made for each stream, so that it dials at once whatever earlier ones met.
type connection struct {
	*grpc.ClientConn
	server   string
	accounts accountv1.AccountServiceClient
	messages messagev1.MessageServiceClient
	sessions sessionv1.SessionServiceClient
	// The token of this connection is as new as can be.
	refreshed bool
}

// connect prepares clients for a base URL, and does not wait for the node.
func connect(server string) (*connection, error) {
	address, err := url.Parse(server)
	if err != nil {
		return nil, err
	}
	security, port := insecure.NewCredentials(), "80"
	if address.Scheme == "https" {
		security, port = credentials.NewTLS(&tls.Config{}), "443"
	}
	if address.Port() != "" {
		port = address.Port()
	}
	target := "dns:///" + net.JoinHostPort(address.Hostname(), port)
	// What may be repeated, and when, is decided in this program, and not by the library beneath it.
	channel, err := grpc.NewClient(target, grpc.WithTransportCredentials(security), grpc.WithDisableRetry())
	if err != nil {
		return nil, err
	}
	return &connection{
		ClientConn: channel,
		server:     server,
		accounts:   accountv1.NewAccountServiceClient(channel),
		messages:   messagev1.NewMessageServiceClient(channel),
		sessions:   sessionv1.NewSessionServiceClient(channel),
	}, nil
}

// A refusal is what the status of a failed call says. Without a reason it was not a node that spoke, but the network.
type refusal struct {
	code       codes.Code
	reason     string
	message    string
	retryDelay *time.Duration
}

func refusalOf(err error) refusal {
	state := status.Convert(err)
	refused := refusal{code: state.Code(), message: state.Message()}
	for _, detail := range state.Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			refused.reason = detail.Reason
			if incident, ok := detail.Metadata["incident_id"]; ok {
				refused.message += fmt.Sprintf(" (incident %s)", incident)
			}
		case *errdetails.RetryInfo:
			delay := detail.RetryDelay.AsDuration()
			refused.retryDelay = &delay
		}
	}
	return refused
}

func (r refusal) String() string { return fmt.Sprintf("%s %s %s", r.code, r.reason, r.message) }

func (r refusal) mayBeRepeated() bool {
	switch r.code {
	case codes.ResourceExhausted:
		return r.retryDelay != nil
	case codes.Unavailable, codes.Aborted, codes.DeadlineExceeded, codes.Canceled:
		return true
	default:
		return r.reason == ""
	}
}

// asksThePerson: a new token cannot help.
func (r refusal) asksThePerson() bool {
	switch r.reason {
	case "CREDENTIALS_WRONG", "DEVICE_REVOKED", "REFRESH_TOKEN_INVALID", "REFRESH_TOKEN_REUSED":
		return true
	default:
		return false
	}
}

func backoff(failures int) time.Duration {
	return part(min(backoffMax, backoffBase<<min(failures, 16)))
}

// spread is a delay that a node asked for, and up to as long again: those refused together do not come back together.
func spread(delay time.Duration) time.Duration { return delay + part(delay) }

// part is a random part.
func part(whole time.Duration) time.Duration { return time.Duration(rand.Float64() * float64(whole)) }
