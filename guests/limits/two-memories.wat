;; Grows two memories by so many pages each, and fails when it is refused. Promise: the limit is on the sum.
(module (memory $a 1) (memory $b 1)
  (func (export "run") (param $pages i32) (result i32)
    (if (i32.eq (memory.grow $a (local.get $pages)) (i32.const -1)) (then unreachable))
    (if (i32.eq (memory.grow $b (local.get $pages)) (i32.const -1)) (then unreachable))
    (i32.add (memory.size $a) (memory.size $b))))
