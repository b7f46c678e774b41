;; Promise: trap (unreachable).
(module (func (export "run") unreachable))
