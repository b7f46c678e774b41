package wasmill

import "time"

// A context that never ends: the host ends the call. It is here so that package context is only in units that use it.
type background struct{}

func (background) Deadline() (deadline time.Time, ok bool) { return }
func (background) Done() <-chan struct{}                   { return nil }
func (background) Err() error                              { return nil }
func (background) Value(key any) any                       { return nil }
