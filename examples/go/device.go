package main

import (
	"bufio"
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"time"

	accountv1 "parley.example/client/gen/parley/account/v1"
	errorv1 "parley.example/client/gen/parley/error/v1"
	messagev1 "parley.example/client/gen/parley/message/v1"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const (
	// A stream that was open for so long was no failure.
	stable = time.Minute
	// Then no more input is read.
	sendsPendingMax = 100
	// The longest line that is read.
	lineBytesMax = 1 << 20
)

// A device goes from stream to stream, in one goroutine; another one reads input into the store.
type device struct {
	options options
	store   *store
	login   login
	// The conversation with the peer; lines are read once it is known.
	conversationID string
	// There is something to send.
	written chan struct{}
	// Holds something for each message without a final outcome.
	pending chan struct{}
	// Ends the device, for a reason.
	fail context.CancelCauseFunc
}

func newDevice(options options, kept *store) *device {
	return &device{
		options: options,
		store:   kept,
		login:   login{kept, options.handle, options.renewBefore},
		written: make(chan struct{}, 1),
		pending: make(chan struct{}, sendsPendingMax),
	}
}

// An end is how a stream ended, and so when and where the next one begins.
type end struct {
	why string
	// Nil: by back-off.
	delay *time.Duration
	// Empty: the next one of the list.
	server string
}

func endAfter(why string, delay time.Duration, server string) *end { return &end{why, &delay, server} }

// run goes on until the context ends; it fails when only a person can help.
func (d *device) run(parent context.Context) error {
	ctx, fail := context.WithCancelCause(parent)
	defer fail(nil)
	d.fail = fail
	servers, index, failures := d.options.servers, 0, 0
	server := servers[0]
	for {
		begin := time.Now()
		end, err := d.visit(ctx, server)
		switch {
		case parent.Err() != nil:
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil:
			return err
		}
		if time.Since(begin) > stable {
			failures = 0
		}
		if end.delay == nil {
			delay := backoff(failures)
			end.delay = &delay
			failures++
		}
		if server = end.server; server == "" {
			index++
			server = servers[index%len(servers)]
		}
		emit("ended", fields{"why": end.why, "delay_s": end.delay.Seconds(), "next": server})
		select {
		case <-time.After(*end.delay):
		case <-ctx.Done():
		}
	}
}

// visit is everything from one connection to its end.
func (d *device) visit(ctx context.Context, server string) (*end, error) {
	to, err := connect(server)
	if err != nil {
		return nil, err
	}
	defer to.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream := &stream{device: d, to: to}
	if err = d.login.logIn(ctx, to); err == nil {
		err = d.findPeer(ctx, to)
	}
	if err == nil {
		var end *end
		if end, err = stream.follow(ctx, cancel); err == nil {
			return end, nil
		}
	}
	return d.endOf(err, stream)
}

// endOf decides what follows from a stream that was lost or refused.
func (d *device) endOf(err error, stream *stream) (*end, error) {
	if _, fromCall := status.FromError(err); !fromCall && !errors.Is(err, errLost) {
		return nil, err
	}
	refused := refusalOf(err)
	switch {
	case stream.moving != nil:
		return endAfter("moved", 0, or(stream.moving.Address, stream.to.server)), nil
	case stream.opened: // From `opened` on a status says nothing.
		return &end{why: refused.String()}, nil
	case refused.reason != "" && refused.code == codes.Unauthenticated:
		if stream.to.refreshed || refused.asksThePerson() {
			return nil, errors.Join(stopped{"log in again: " + refused.String()}, d.login.forget("access_token", "refresh_token"))
		}
		return endAfter(refused.String(), 0, stream.to.server), d.login.forget("access_token")
	case !refused.mayBeRepeated():
		return nil, stopped{refused.String()}
	case refused.retryDelay != nil:
		return endAfter(refused.String(), spread(*refused.retryDelay), ""), nil
	default:
		return &end{why: refused.String()}, nil
	}
}

// adviceOf does what the node that closed a stream advises; the action counts, not the reason.
func (d *device) adviceOf(closed *errorv1.StreamClosed, stream *stream) (*end, error) {
	why := "closed: " + closed.Message
	server := or(closed.Address, stream.to.server)
	switch {
	case closed.Action == errorv1.CloseAction_CLOSE_ACTION_STAY_CLOSED:
		return nil, stopped{why}
	case stream.moving != nil:
		return endAfter(why, 0, or(stream.moving.Address, server)), nil
	case closed.Action == errorv1.CloseAction_CLOSE_ACTION_RECONNECT_NOW:
		return endAfter(why, 0, server), nil
	case closed.Action == errorv1.CloseAction_CLOSE_ACTION_RECONNECT_AFTER_LOGIN:
		// Refreshed before the next attach.
		return endAfter(why, 0, server), d.login.forget("access_token")
	case closed.RetryDelay != nil:
		return endAfter(why, closed.RetryDelay.AsDuration(), server), nil
	default:
		return endAfter(why, part(time.Second), server), nil
	}
}

// findPeer is done once per process; then lines are read.
func (d *device) findPeer(ctx context.Context, to *connection) error {
	if d.conversationID != "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	bearer, err := d.login.bearer(ctx, to)
	if err != nil {
		return err
	}
	request := &accountv1.GetAccountRequest{Account: &accountv1.GetAccountRequest_Handle{Handle: d.options.peer}}
	answer, err := to.accounts.GetAccount(bearer, request)
	if err != nil {
		return err
	}
	ids := []string{string(d.store.get("account_id")), answer.Account.AccountId}
	slices.Sort(ids)
	d.conversationID = "d-" + strings.Join(ids, "-")
	go d.readInput()
	return nil
}

// readInput keeps each line as a message, under an id that it has from now on, until its outcome is known.
func (d *device) readInput() {
	input := bufio.NewScanner(os.Stdin)
	input.Buffer(nil, lineBytesMax)
	for range d.store.sendsPending() {
		d.pending <- struct{}{}
	}
	for input.Scan() {
		if input.Text() == "" {
			continue
		}
		d.pending <- struct{}{}
		err := d.store.addSend(&messagev1.SendMessageRequest{
			ConversationId:  d.conversationID,
			ClientMessageId: uuid.NewString(),
			Content:         &messagev1.Content{Kind: &messagev1.Content_Text{Text: &messagev1.Text{Text: input.Text()}}},
		})
		if err != nil {
			d.fail(err)
			return
		}
		select {
		case d.written <- struct{}{}:
		default:
		}
	}
	if err := input.Err(); err != nil {
		d.fail(err)
	}
}

func or(address, otherwise string) string {
	if address != "" {
		return address
	}
	return otherwise
}
