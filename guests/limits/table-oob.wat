;; Calls past the end of its table. Promise: trap (table-out-of-bounds).
(module (type $f (func)) (table 1 funcref) (func (export "run") (call_indirect (type $f) (i32.const 7))))
