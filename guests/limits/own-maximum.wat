;; Grows past the maximum that it set itself, then fails. Promise: that is its own trap, and no limit of the step's.
(module (memory 1 2)
  (func (export "run") (if (i32.eq (memory.grow (i32.const 2)) (i32.const -1)) (then unreachable))))
