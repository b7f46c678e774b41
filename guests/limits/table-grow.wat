;; Grows its table by so many elements, and fails when it is refused. Promise: tables are limited too.
(module (table 1 funcref)
  (func (export "run") (param $elements i32) (result i32)
    (if (i32.eq (table.grow (ref.null func) (local.get $elements)) (i32.const -1)) (then unreachable))
    (table.size)))
