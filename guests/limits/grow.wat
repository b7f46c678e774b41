;; Grows its memory by so many pages. Promise: the limit itself is allowed, one page past it is -1.
(module (memory 1) (func (export "run") (param $pages i32) (result i32) (memory.grow (local.get $pages))))
