package access

import (
	"context"
	"errors"
)

// What is decided about somebody who asks for something.
var (
	// ErrNotFound says that there is no such thing, or none for who asks: the two
	// look alike.
	ErrNotFound = errors.New("there is no such page")
	// ErrForbidden says that who asks may see the thing and not do this to it.
	ErrForbidden = errors.New("your roles do not allow this")
	// ErrNobody says that nobody has signed in.
	ErrNobody = errors.New("sign in first")
)

type actorKey struct{}

// As gives a context in which an actor asks.
func As(ctx context.Context, actor Actor) context.Context {
	return context.WithValue(ctx, actorKey{}, actor)
}

// ActorOf gives who asks in ctx: where nobody is named, the zero Actor, which may
// do nothing.
func ActorOf(ctx context.Context) Actor {
	a, _ := ctx.Value(actorKey{}).(Actor)
	return a
}
