;; A component of twelve core instances. Promise: there is a limit on how many.
(component
  (core module $m (func (export "run")))
  (core instance $a (instantiate $m)) (core instance (instantiate $m)) (core instance (instantiate $m))
  (core instance (instantiate $m)) (core instance (instantiate $m)) (core instance (instantiate $m))
  (core instance (instantiate $m)) (core instance (instantiate $m)) (core instance (instantiate $m))
  (core instance (instantiate $m)) (core instance (instantiate $m)) (core instance (instantiate $m))
  (func (export "run") (canon lift (core func $a "run"))))
