;; Grows a page at a time until it is refused, then fails. Promise: the verdict is memory-exceeded, not a trap.
(module (memory 1)
  (func (export "run")
    (loop $again (br_if $again (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
    unreachable))
