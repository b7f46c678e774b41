;; A component that makes a resource of its own kind again and again. Promise: the host's memory for them is bounded.
(component
  (type $thing' (resource (rep i32)))
  (core func $new (canon resource.new $thing'))
  (core module $m (import "host" "new" (func $new (param i32) (result i32)))
    (func (export "run") (loop $again (drop (call $new (i32.const 1))) (br $again))))
  (core instance $i (instantiate $m (with "host" (instance (export "new" (func $new))))))
  (func (export "run") (canon lift (core func $i "run"))))
