;; Calls a function through a pointer of another type. Promise: trap (bad-signature).
(module (type $f (func (param i64))) (table funcref (elem $g)) (func $g)
  (func (export "run") (call_indirect (type $f) (i64.const 0) (i32.const 0))))
