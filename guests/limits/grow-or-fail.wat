;; Grows its memory by so many pages, and fails when it is refused. Promise: the verdict is memory-exceeded, not a trap.
(module (memory 1)
  (func (export "run") (param $pages i32) (result i32)
    (if (i32.eq (memory.grow (local.get $pages)) (i32.const -1)) (then unreachable))
    (memory.size)))
