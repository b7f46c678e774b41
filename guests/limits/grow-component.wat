;; A component that grows its memory by so many pages. Promise: the limit itself is allowed, one page past it is -1.
(component
  (core module $m (memory 1)
    (func (export "run") (param $pages i32) (result i32) (memory.grow (local.get $pages))))
  (core instance $i (instantiate $m))
  (func (export "run") (param "pages" u32) (result s32) (canon lift (core func $i "run"))))
