;; A component that gives back a tuple of a tuple, 24 deep. Promise: deep types are values like any other.
(component
  (core module $m (func (export "run") (param i32) (result i32) (local.get 0)))
  (core instance $i (instantiate $m))
  (func (export "run") (param "value" (tuple (tuple (tuple (tuple (tuple (tuple (tuple (tuple (tuple (tuple (tuple (tuple (tuple (tuple (tuple (tuple (tuple (tuple (tuple (tuple (tuple (tuple (tuple (tuple u32))))))))))))))))))))))))) (result (tuple (tuple (tuple (tuple (tuple (tuple (tuple (tuple (tuple (tuple (tuple (tuple (tuple (tuple (tuple (tuple (tuple (tuple (tuple (tuple (tuple (tuple (tuple (tuple u32)))))))))))))))))))))))))
    (canon lift (core func $i "run"))))
