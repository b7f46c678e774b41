;; Fills 64 MiB in one instruction, again and again. Promise: who comes to an end after the deadline has not made it.
(module
  (memory 1024)
  (func (export "run") (param $times i32)
    (loop $again
      (memory.fill (i32.const 0) (i32.const 7) (i32.const 67108864))
      (br_if $again (local.tee $times (i32.sub (local.get $times) (i32.const 1)))))))
