;; Promise: trap (integer-division-by-zero).
(module (global $zero (mut i32) (i32.const 0)) (func (export "run") (result i32) (i32.div_s (i32.const 1) (global.get $zero))))
