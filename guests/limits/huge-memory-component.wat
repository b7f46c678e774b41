;; A component with a memory of 4 GiB. Promise: memory-exceeded before it has a byte.
(component
  (core module $m (memory 65536) (func (export "run")))
  (core instance $i (instantiate $m))
  (func (export "run") (canon lift (core func $i "run"))))
