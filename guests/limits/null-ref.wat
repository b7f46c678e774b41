;; Calls through an empty table slot. Promise: trap (null-reference).
(module (type $f (func)) (table 1 funcref) (func (export "run") (call_indirect (type $f) (i32.const 0))))
