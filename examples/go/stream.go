package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	errorv1 "parley.example/client/gen/parley/error/v1"
	messagev1 "parley.example/client/gen/parley/message/v1"
	sessionv1 "parley.example/client/gen/parley/session/v1"
)

const (
	// A node that says nothing to an attach for so long stands still.
	openedTimeout = 10 * time.Second
	// After so many heartbeats without a frame the connection is dead.
	heartbeatsMissed  = 3
	positionsPerFrame = 1_000
	pageSize          = 500
)

// errLost means that the stream is of no use any more; a new one may be.
var errLost = errors.New("lost")

// A stream is one attached stream of a device.
type stream struct {
	device *device
	to     *connection
	call   sessionv1.SessionService_AttachClient
	opened bool
	// How long it may be silent.
	silence time.Duration
	// What the node's clock is ahead of ours, and when the token ends on it.
	clockAhead time.Duration
	tokenEnd   time.Time
	// Set once the node has said that it is going to stop; then we leave when `leave` fires.
	moving *sessionv1.Moving
	leave  <-chan time.Time
	// The message that is under way: one at a time, so that the order holds whatever fails.
	sending      *messagev1.SendMessageRequest
	sendingKey   []byte
	sendFailures int
	// Fires when the next try may be made; nil when none is waited for.
	retry <-chan time.Time
}

type received struct {
	frame *sessionv1.ServerFrame
	err   error
}

// follow attaches and serves the stream until it ends. `cancel` ends the call.
func (s *stream) follow(ctx context.Context, cancel context.CancelFunc) (*end, error) {
	bearer, err := s.device.login.bearer(ctx, s.to)
	if err != nil {
		return nil, err
	}
	s.silence = openedTimeout
	if s.call, err = s.to.sessions.Attach(bearer); err != nil {
		return nil, err
	}
	if err := s.open(); err != nil {
		return nil, err
	}
	frames := make(chan received)
	go s.receive(ctx, frames)
	defer cancel()
	silence := time.NewTimer(s.silence)
	for {
		select {
		case got := <-frames:
			if got.err != nil {
				return nil, got.err
			}
			if end, err := s.take(ctx, got.frame); end != nil || err != nil {
				return end, err
			}
			silence.Reset(s.silence)
		case <-s.device.written:
		case <-s.retry:
			s.retry = nil
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-s.leave:
			return nil, fmt.Errorf("%w: moved", errLost)
		case <-silence.C:
			return nil, fmt.Errorf("%w: nothing heard for %s", errLost, s.silence)
		}
		if err := s.sendNext(); err != nil {
			return nil, err
		}
	}
}

// receive hands over what the node says, until the call ends.
func (s *stream) receive(ctx context.Context, frames chan<- received) {
	for {
		answer, err := s.call.Recv()
		if errors.Is(err, io.EOF) {
			err = fmt.Errorf("%w: the stream ended without a word", errLost)
		}
		select {
		case frames <- received{answer.GetFrame(), err}:
		case <-ctx.Done():
			return
		}
		if err != nil {
			return
		}
	}
}

// say sends a frame. That the stream has ended is told by Recv, which knows why.
func (s *stream) say(frame *sessionv1.ClientFrame) error {
	err := s.call.Send(&sessionv1.AttachRequest{Frame: frame})
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func (s *stream) open() error {
	positions, err := s.device.store.positions()
	if err != nil {
		return err
	}
	ordinal, err := s.device.store.nextOrdinal()
	if err != nil {
		return err
	}
	pages := slices.Collect(slices.Chunk(positions, positionsPerFrame))
	if len(pages) == 0 {
		pages = append(pages, nil)
	}
	for index, page := range pages {
		named := &sessionv1.Positions{Positions: page, Last: index == len(pages)-1}
		frame := &sessionv1.ClientFrame{Kind: &sessionv1.ClientFrame_Positions{Positions: named}}
		if index == 0 {
			ticket := string(s.device.store.get("resume_ticket"))
			open := &sessionv1.Open{ResumeTicket: ticket, Ordinal: ordinal, Positions: named}
			frame.Kind = &sessionv1.ClientFrame_Open{Open: open}
		}
		if err := s.say(frame); err != nil {
			return err
		}
	}
	return nil
}

// take answers an end when the frame was the last one.
func (s *stream) take(ctx context.Context, frame *sessionv1.ServerFrame) (*end, error) {
	if err := s.takeEvents(ctx, frame); err != nil {
		return nil, err
	}
	for _, result := range frame.Results {
		if err := s.takeResult(result); err != nil {
			return nil, err
		}
	}
	switch control := frame.Control.(type) {
	case *sessionv1.ServerFrame_Opened:
		return nil, s.takeOpened(ctx, control.Opened)
	case *sessionv1.ServerFrame_CaughtUp:
		emit("caught_up", nil)
	case *sessionv1.ServerFrame_Ping:
		if err := s.say(&sessionv1.ClientFrame{Kind: &sessionv1.ClientFrame_Pong{Pong: control.Ping}}); err != nil {
			return nil, err
		}
		return nil, s.renewIfDue(ctx)
	case *sessionv1.ServerFrame_Renewed:
		s.tokenEnd = control.Renewed.AsTime()
		emit("renewed", nil)
	case *sessionv1.ServerFrame_Moving:
		s.moving = control.Moving
		s.leave = time.After(part(control.Moving.Jitter.AsDuration()))
		emit("moving", fields{"address": control.Moving.Address})
	case *sessionv1.ServerFrame_Closed:
		return s.device.adviceOf(control.Closed, s)
	}
	return nil, nil
}

func (s *stream) takeOpened(ctx context.Context, opened *sessionv1.Opened) error {
	s.opened = true
	s.silence = heartbeatsMissed * opened.HeartbeatInterval.AsDuration()
	s.clockAhead = time.Until(opened.ServerTime.AsTime())
	s.tokenEnd = opened.TokenExpireTime.AsTime()
	if err := s.device.store.set(map[string][]byte{"resume_ticket": []byte(opened.ResumeTicket)}); err != nil {
		return err
	}
	emit("opened", fields{"server": s.to.server, "generation": opened.Generation})
	return s.renewIfDue(ctx)
}

// renewIfDue is asked at every heartbeat, so that what got lost is said again.
func (s *stream) renewIfDue(ctx context.Context) error {
	if time.Until(s.tokenEnd)-s.clockAhead > s.device.options.renewBefore {
		return nil
	}
	token, err := s.device.login.accessToken(ctx, s.to)
	if err != nil {
		if refusalOf(err).mayBeRepeated() {
			return nil
		}
		return err
	}
	return s.say(&sessionv1.ClientFrame{Kind: &sessionv1.ClientFrame_Renew{Renew: token}})
}

// sendNext sends the oldest message without a final outcome, unless one is under way or waited for.
func (s *stream) sendNext() (err error) {
	if !s.opened || s.sending != nil || s.retry != nil {
		return nil
	}
	if s.sendingKey, s.sending, err = s.device.store.takeSend(); err != nil || s.sending == nil {
		return err
	}
	return s.say(&sessionv1.ClientFrame{Kind: &sessionv1.ClientFrame_Send{Send: s.sending}})
}

// takeResult settles the message under way, or notes when it is to be sent again.
func (s *stream) takeResult(result *sessionv1.SendResult) error {
	if s.sending == nil || result.ClientMessageId != s.sending.ClientMessageId {
		return nil
	}
	s.sending = nil
	failed := result.GetFailed()
	switch {
	case failed.GetRetryDelay() != nil:
		s.retry = time.After(spread(failed.RetryDelay.AsDuration()))
		return nil
	case failed.GetReason() == errorv1.ErrorReason_ERROR_REASON_OUTCOME_UNKNOWN:
		s.retry = time.After(backoff(s.sendFailures))
		s.sendFailures++
		return nil
	}
	s.sendFailures = 0
	if err := s.device.store.dropSend(s.sendingKey); err != nil {
		return err
	}
	<-s.device.pending
	if failed != nil {
		emit("rejected", fields{"client_message_id": result.ClientMessageId, "why": failed.Message})
	} else {
		emit("sent", fields{"client_message_id": result.ClientMessageId, "seq": result.GetCommitted().GetPosition().GetSeq()})
	}
	return nil
}
