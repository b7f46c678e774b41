;; Two arms of which one costs more. Promise: a call that is given exactly the fuel it uses ends well, whichever way it goes, and with one
;; unit less it does not, also where that shows only at its end.
(module
  (func (export "run") (param $way i32) (result i32)
    (if (result i32) (local.get $way)
      (then (i32.mul (i32.add (local.get $way) (i32.const 2)) (i32.const 3)))
      (else (i32.const 7)))))
