;; Converts NaN to an integer. Promise: trap (bad-conversion-to-integer).
(module (global $nan (mut f64) (f64.const nan)) (func (export "run") (result i32) (i32.trunc_f64_s (global.get $nan))))
