;; Grows two tables by so many elements each, and fails when it is refused. Promise: the limit is on the sum.
(module (table $a 1 funcref) (table $b 1 funcref)
  (func (export "run") (param $elements i32) (result i32)
    (if (i32.eq (table.grow $a (ref.null func) (local.get $elements)) (i32.const -1)) (then unreachable))
    (if (i32.eq (table.grow $b (ref.null func) (local.get $elements)) (i32.const -1)) (then unreachable))
    (i32.add (table.size $a) (table.size $b))))
