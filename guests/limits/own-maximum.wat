;; Grows past its own maximum, which is no limit of ours, and traps for a reason of its own. Promise: the verdict is that reason.
(module
  (memory 1 1)
  (func (export "run") (drop (memory.grow (i32.const 65000))) (unreachable)))
