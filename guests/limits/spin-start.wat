;; Computes for ever before its function is called. Promise: limits cover start functions.
(module (func $start (loop $again (br $again))) (start $start) (func (export "run")))
