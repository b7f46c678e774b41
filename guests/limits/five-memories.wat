;; Five memories: more than a slot of the pool has. Promise: such a unit runs, whatever the number of slots.
(module
  (memory 1) (memory 1) (memory 1) (memory 1) (memory 1)
  (func (export "run") (result i32) (i32.const 5)))
