package main

import (
	"context"
	"errors"
	"os"
	"time"

	accountv1 "parley.example/client/gen/parley/account/v1"

	"google.golang.org/grpc/metadata"
)

// A login is who the device is: made once, with the tokens that follow from it.
type login struct {
	store       *store
	handle      string
	renewBefore time.Duration
}

// logIn asks for a password once per device: later connections have its refresh token.
func (l *login) logIn(ctx context.Context, to *connection) error {
	if len(l.store.get("refresh_token")) > 0 {
		return nil
	}
	password := os.Getenv("PARLEY_PASSWORD")
	if password == "" {
		return stopped{"set PARLEY_PASSWORD: this device is not logged in"}
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	// Repeated when its answer is lost: that leaves a device behind that nobody uses.
	answer, err := to.accounts.Login(ctx, &accountv1.LoginRequest{
		Handle:     l.handle,
		Password:   &accountv1.Password{Text: password},
		DeviceId:   string(l.store.get("device_id")),
		DeviceName: "Go example",
	})
	if err != nil {
		return err
	}
	device := map[string][]byte{
		"device_id":  []byte(answer.DeviceId),
		"account_id": []byte(answer.Account.AccountId),
	}
	return errors.Join(l.store.set(device), l.keepTokens(answer.Tokens, to))
}

func (l *login) keepTokens(tokens *accountv1.Tokens, of *connection) error {
	of.refreshed = true
	return l.store.set(map[string][]byte{
		"access_token":  []byte(tokens.AccessToken),
		"access_end":    []byte(tokens.AccessExpireTime.AsTime().Format(time.RFC3339Nano)),
		"refresh_token": []byte(tokens.RefreshToken),
	})
}

// accessToken answers one that is good for a while. New ones are stored before they are used.
func (l *login) accessToken(ctx context.Context, to *connection) (string, error) {
	token := string(l.store.get("access_token"))
	end, err := time.Parse(time.RFC3339Nano, string(l.store.get("access_end")))
	if err == nil && token != "" && time.Until(end) > l.renewBefore {
		return token, nil
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	request := &accountv1.RefreshTokenRequest{RefreshToken: string(l.store.get("refresh_token"))}
	answer, err := to.accounts.RefreshToken(ctx, request)
	if err != nil {
		return "", err
	}
	return answer.Tokens.AccessToken, l.keepTokens(answer.Tokens, to)
}

// bearer is a context for calls in the device's name.
func (l *login) bearer(ctx context.Context, to *connection) (context.Context, error) {
	token, err := l.accessToken(ctx, to)
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token), err
}

func (l *login) forget(keys ...string) error {
	values := map[string][]byte{}
	for _, key := range keys {
		values[key] = nil
	}
	return l.store.set(values)
}
