;; Fills 64 MiB again and again: little fuel, much time. Promise: time is held where fuel alone would not hold it.
(module (memory 1024)
  (func (export "run")
    (loop $again
      (memory.fill (i32.const 0) (i32.const 1) (i32.const 0x4000000))
      (br $again))))
