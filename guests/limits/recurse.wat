;; Calls itself for ever. Promise: trap (stack-overflow); the host's stack is not touched.
(module (func $run (export "run") (result i32) (i32.add (call $run) (i32.const 1))))
